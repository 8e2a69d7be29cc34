"""The report's own figures, of an engine, as Matplotlib axes.

    import poolwise as pw
    pw.plot.speedup(engine).figure.savefig("speedup.png")

Each function takes an open engine and returns the axes of a new figure, which a notebook shows. Raises InputError where
there is nothing to show yet.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from poolwise.engine import Engine
from poolwise.engine.insight import features
from poolwise.engine.state.tables import log_speeds
from poolwise.errors import InputError
from poolwise.names import shown
from poolwise.report import features as along
from poolwise.report import plots, running
from poolwise.report.palette import WIDTH, Blank
from poolwise.report.projects import section
from poolwise.report.projects.tables import clear
from poolwise.report.tables import favourites as best_of
from poolwise.report.tables import shrunk

__all__ = [
    *("differences", "exploration", "favourites", "feature", "resemblance"),
    *("saved", "shrinkage", "slower", "speedup"),
]


def speedup(engine: Engine) -> Axes:
    """Speed-up over the baseline, per project: running geometric mean over its decisions."""
    return _running(engine, running.speed_up)


def saved(engine: Engine) -> Axes:
    """Total cost saved so far, per project, in the unit of the costs."""
    return _running(engine, running.savings)


def exploration(engine: Engine) -> Axes:
    """Running share of decisions that took another arm than the favourite."""
    return _running(engine, running.exploration)


def slower(engine: Engine) -> Axes:
    """Running share of jobs that ran more than 5 % slower than with the baseline."""
    return _running(engine, running.slower)


def favourites(engine: Engine) -> Axes:
    """The arm believed best in every context of every project: speed-up with its 90 % interval."""
    trials = _trials(engine)
    return plots.forest(
        best_of(log_speeds(engine.beliefs(), engine.settings.known_objective), trials),
        list(trials["project"].unique()),
        _shown,
    ).axes[0]


def shrinkage(engine: Engine) -> Axes:
    """What sharing does to an estimate: mean of an arm's own trials, and what is believed with everything shared."""
    return plots.shrinkage(
        shrunk(_trials(engine), log_speeds(engine.beliefs(), engine.settings.known_objective)), _shown
    ).axes[0]


def differences(engine: Engine) -> Axes:
    """In what projects clearly differ from the others: factors on the speed-up with 90 % intervals."""
    found = clear(engine.across.deviations(), 3)
    return section.forest(_some(found, "no project differs clearly from the others yet"), _shown).axes[0]


def feature(engine: Engine, name: str | None = None) -> Axes:
    """Speed-up over the baseline that is believed of each arm along a feature of jobs, with 90 % bands; name: None: the
    one that explains most. Raises InputError for a name that is no number's."""
    numbers = features.numbers(engine.serving.belief)
    chosen = next(iter(features.leading(engine.serving.belief, 1)), None) if name is None else name
    if chosen not in numbers:
        why = "no feature explains anything yet" if name is None else f"no feature {shown(name)} is a number"
        raise InputError(f"{why}: there are {', '.join(numbers) or 'none'}")
    log = engine.serving.name_index.features.declared[chosen].log
    table = _some(along.curves(engine, chosen), f"no two jobs of different {chosen} are known yet")
    return along.curve(table, chosen, _shown, log=log).axes[0]


def resemblance(engine: Engine) -> Axes:
    """Which projects react alike: their positions on the project factors."""
    places = _some(engine.across.positions(), "no pattern in which projects differ is known yet")
    return section.factor_map(places, _shown).axes[0]


def _running(engine: Engine, draw: Callable[[pd.DataFrame, Blank], Figure]) -> Axes:
    return draw(_trials(engine), _shown).axes[0]


def _trials(engine: Engine) -> pd.DataFrame:
    return _some(engine.trials(), "there is no outcome to plot yet: report some first")


def _some(table: pd.DataFrame, why: str) -> pd.DataFrame:
    if table.empty:
        raise InputError(why)
    return table


def _shown(height: float) -> Figure:
    """An empty figure that Matplotlib's own windows and notebooks show."""
    return pyplot.figure(figsize=(WIDTH, height), layout="constrained")
