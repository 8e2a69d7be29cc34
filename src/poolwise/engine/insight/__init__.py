"""What an engine can tell: why, what happened, what it knows, how projects compare. Loaded when it is first asked."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.engine.insight import borrowing as borrowing
    from poolwise.engine.insight import explain as explain
    from poolwise.engine.insight import features as features
    from poolwise.engine.insight import goals as goals
    from poolwise.engine.insight import overview as overview
    from poolwise.engine.insight import profile as profile
    from poolwise.engine.insight import shown as shown
    from poolwise.engine.insight import similar as similar
    from poolwise.engine.insight import trials as trials
else:
    from poolwise.lazy import members

    __getattr__, __all__ = members(
        __name__,
        dict.fromkeys(
            ("borrowing", "explain", "features", "goals", "overview", "profile", "shown", "similar", "trials"), ""
        ),
    )
