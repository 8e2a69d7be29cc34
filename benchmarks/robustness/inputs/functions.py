"""Functions without an engine: every argument is meant, spoiled in one place, or of any kind.

A table, a policy and a fit are what functions of ours made, and are not taken apart.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.robustness.inputs.room import Call, Room, told
from benchmarks.robustness.inputs.tables import LOG, ROWS
from benchmarks.robustness.inputs.values import anything, many, number, text, whole
from poolwise import ope, policy, posterior, replay, table
from poolwise.ope import InfluenceTerms, Log
from poolwise.posterior import SufficientStatistics
from poolwise.replay import Observations, Settings

STATS = posterior.SufficientStatistics.of([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], [0.1, 0.2, 0.3, 0.2])
FIT = posterior.fit(STATS, iterations=2)
TABLE = table.from_rows(ROWS, name="t", source="t", baseline="old")
LOGGED = ope.from_frame(LOG, model=False)[0]
HALF = np.full((len(LOG), 2), 0.5)
REPLAY = replay.replay(TABLE, "uniform", seeds=2)
ORDER = np.arange(3)
POLICY = policy.uniform()

Argument = Callable[[Random], Any]


class Function(NamedTuple):
    """What is called with: what is meant by each of its arguments."""

    call: Callable[..., Any]
    needed: dict[str, Argument]
    options: Mapping[str, Argument] = MappingProxyType({})


def just(*values: Any) -> Argument:
    """One of these."""
    return lambda random: random.choice(values)


ROWS_OF = {key: partial(many, each=whole) for key in ("project", "context", "arm")}
NUMBERS = partial(many, each=number)
LOGGED_ARRAYS = {
    "reward": just(LOGGED.reward, [0.5] * len(LOG)),
    "action": just(LOGGED.action, LOGGED.action.astype(float)),
    "propensity": just(LOGGED.propensity),
    "evaluation": just(HALF, HALF.tolist()),
}
INTERVALS = {"confidence": just(0.9), "method": just(*ope.METHODS), "seed": just(1)}
REPLAYED = {"table": just(TABLE), "order": just(ORDER), "seed": just(1)}
MANY = {"table": just(TABLE), "orders": just(ORDER[None]), "seeds": just([1], (2,))}
FUNCTIONS = [
    Function(
        posterior.SufficientStatistics.of,
        {**ROWS_OF, "y": NUMBERS},
        {"shape": just((2, 2, 2)), "weight": just(1.0, [1.0, 2.0])},
    ),
    Function(
        posterior.fit,
        {"stats": just(STATS)},
        {"family": just([0, 1]), "prior": just(), "start": just(FIT.scales), "iterations": just(2)},
    ),
    Function(posterior.marginals, {"fit": just(FIT), "stats": just(STATS)}, {"device": just("cpu", None)}),
    Function(
        ope.log,
        LOGGED_ARRAYS,
        {"q_hat": just(HALF), "behaviour": just(HALF), "executed": just(LOGGED.action)},
    ),
    Function(ope.evaluate, {"logged": just(LOGGED)}, INTERVALS),
    Function(ope.compare, {"logged": just(LOGGED), "other": just(HALF)}, INTERVALS),
    Function(ope.diagnose, {"logged": just(LOGGED)}),
    Function(ope.interval, {"terms": just(ope.ips(LOGGED))}, {**INTERVALS, "span": just(1.0), "resamples": just(20)}),
    Function(ope.to_obp, {"logged": just(LOGGED)}, {"context": just(None)}),
    Function(ope.from_obp, {"feedback": just(ope.to_obp(LOGGED)), "evaluation": just(HALF)}, {"q_hat": just(HALF)}),
    Function(
        ope.cross_fitted,
        {"project": just(ORDER), "context": just(ORDER), "action": just(ORDER % 2), "reward": just([0.1, 0.2, 0.3])}
        | {"arms": just(2)},
        {"folds": just(2), "seed": just(1)},
    ),
    Function(ope.target_policy, {"frame": just(LOG), "wanted": just("a", "uniform")}, {"baseline": just("a")}),
    Function(
        ope.from_frame,
        {"frame": just(LOG)},
        {"evaluation": just("a"), "model": just(False), "folds": just(2), "seed": just(1), "behaviour": just(None)},
    ),
    *(Function(one, {"logged": just(LOGGED)}) for one in (ope.ips, ope.snips, ope.dm, ope.dr, ope.sndr, ope.weights)),
    Function(ope.dr_os, {"logged": just(LOGGED)}, {"shrinkage": just(1.0)}),
    Function(ope.switch_dr, {"logged": just(LOGGED)}, {"threshold": just(1.0)}),
    Function(
        replay.replay,
        {"table": just(TABLE), "policy": just("uniform", POLICY)},
        {"order": just(*replay.ORDERS), "seeds": just(2, [1]), "delay": just(1), "horizon": just(3.0)},
    ),
    Function(replay.orders, {"table": just(TABLE), "kind": just(*replay.ORDERS), "seeds": just([1])}),
    Function(replay.references, {"table": just(TABLE)}),
    Function(replay.run, {**REPLAYED, "policy": just(POLICY)}, {"settings": just(replay.Settings())}),
    Function(replay.run_many, {**MANY, "policy": just(POLICY)}, {"settings": just(replay.Settings())}),
    Function(replay.run_poolwise, REPLAYED),
    Function(replay.run_poolwise_many, MANY),
    Function(
        replay.run_space,
        {"table": just(TABLE), "unit": just(0), "trials": just(1), "seed": just(1), "known": just(replay.NOTHING)},
    ),
    Function(replay.summary, {"table": just(TABLE), "log": just(REPLAY.log)}),
    Function(
        table.from_rows,
        {"rows": just(ROWS), "name": just("t"), "source": just("t"), "baseline": just("old")},
        {
            "columns": just({"cost": "cost"}),
            "measure": just("s"),
            "cutoff": just(9.0),
            "params": just({"old": {"a": 1}}),
        },
    ),
]


def functions(random: Random) -> Room:
    """Nothing is kept."""
    return Room(_function)


def _function(random: Random) -> Call:
    made = random.choice(FUNCTIONS)
    options = random.sample([*made.options], random.randrange(len(made.options) + 1))
    usual = {**made.needed, **{key: made.options[key] for key in options}}
    wrong = random.sample([*usual], min(len(usual), random.choice([1, 1, 1, 2])))
    given = {key: _spoiled(one, random) if key in wrong else _meant(one, random) for key, one in usual.items()}
    name = f"{made.call.__module__}.{made.call.__name__}"
    return lambda: made.call(**given), told(name, wrong, {key: given[key] for key in wrong})


def _meant(usual: Argument, random: Random) -> Any:
    try:
        return usual(random)
    except IndexError:  # nothing is meant
        return anything(random)


def _spoiled(usual: Argument, random: Random) -> Any:
    """Anything, or what is meant with a part of it changed."""
    meant = _meant(usual, random)
    if random.random() < 0.4:
        return anything(random)
    if isinstance(meant, np.ndarray) and meant.size and meant.ndim:
        return _array(meant, random)
    if isinstance(meant, Log | InfluenceTerms | SufficientStatistics | Observations | Settings):
        part = random.choice(meant._fields)
        value = getattr(meant, part)
        changed = (
            _array(value, random) if isinstance(value, np.ndarray) and value.size and value.ndim else anything(random)
        )
        return meant._replace(**{part: changed if random.random() < 0.7 else anything(random)})
    if isinstance(meant, dict) and meant:
        return meant | {random.choice([*meant]): anything(random)}
    if isinstance(meant, str):
        return text(random)
    return number(random)


def _array(meant: np.ndarray, random: Random) -> Any:
    """One value, the type or the shape is another."""
    changed = np.array(meant)
    place = random.randrange(changed.size)
    if changed.dtype.kind == "f":
        changed.flat[place] = random.choice([-1.0, np.nan, np.inf, 1e308, 0.0, 1e-300])
    elif changed.dtype.kind in "iu":
        bounds = np.iinfo(changed.dtype)
        changed.flat[place] = random.choice([bounds.min, bounds.max, bounds.max // 2, 0])
    shapes = [changed[:1], changed[:0], changed[None], changed.ravel(), changed[..., None], changed.T]
    types = [changed.astype(object), changed.astype(str), changed.astype(bool), changed.tolist()]
    return random.choice([changed, changed, random.choice(shapes), random.choice(types)])
