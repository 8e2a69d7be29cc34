"""The engine: decide, observe, refit. Names are loaded when they are first used."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.engine.engine import Engine as Engine
    from poolwise.engine.safeguards.settings import Exploration as Exploration
    from poolwise.engine.safeguards.settings import Safety as Safety
    from poolwise.engine.settings import Settings as Settings
else:
    from poolwise.lazy import members

    __getattr__, __all__ = members(
        __name__,
        {
            "Engine": "engine",
            "Exploration": "safeguards.settings",
            "Safety": "safeguards.settings",
            "Settings": "settings",
        },
    )
