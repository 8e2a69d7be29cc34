"""The service from a client's side: `poolwise.Client`, which goes on when the service does not."""

from poolwise.lazy import members

__getattr__, __all__ = members(__name__, {"Client": "client", "Spool": "spool"})
