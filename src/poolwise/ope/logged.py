"""Logged decisions in the form that off-policy estimators need, checked on the way in."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

from poolwise.errors import DataError
from poolwise.names import escaped, shown

P = ParamSpec("P")
T = TypeVar("T")
TOLERANCE = 1e-6
"""Rounding that is forgiven in probabilities that should sum to 1 or agree with each other."""


class Log(NamedTuple):
    """n logged decisions and the policy to evaluate on them. Build it with `log`, which checks it."""

    reward: np.ndarray
    """(n,) what the chosen arm earned."""
    action: np.ndarray
    """(n,) int: the chosen arm."""
    propensity: np.ndarray
    """(n,) probability in (0, 1] with which the logging policy chose it."""
    evaluation: np.ndarray
    """(n, arms) probabilities of the policy to evaluate; rows sum to 1."""
    q_hat: np.ndarray | None = None
    """(n, arms) predicted reward of every arm; None where there is no outcome model."""
    behaviour: np.ndarray | None = None
    """(n, arms) all probabilities of the logging policy, where they are known."""
    baseline: int | None = None
    """The arm whose reward is 0 by definition, as a baseline's utility is; None where there is none. What a policy does
    with it needs no evidence."""


def log(
    reward: Any,
    action: Any,
    propensity: Any,
    evaluation: Any,
    q_hat: Any = None,
    behaviour: Any = None,
    executed: Any = None,
    baseline: int | None = None,
) -> Log:
    """Arrays -> Log.

    `executed` (n,) int, where known: the arm that really ran; a decision overridden downstream makes its propensity
    meaningless and is refused. Raises DataError with row and column.
    """
    made = _formed(Log(reward, action, propensity, evaluation, q_hat, behaviour, baseline))
    check_behaviour(made)
    if executed is not None:
        ran = _array("executed", executed)
        if ran.shape != made.action.shape:
            raise DataError(f"executed has shape {ran.shape}; give one arm per decision ({len(made.action)})")
        refuse(ran != made.action, "executed", ran, "is not the arm decided; leave out overridden decisions' period")
    return made


def _formed(given: Log) -> Log:
    """Arrays of numbers that fit together, with values that a log can hold."""
    made = Log(
        floats("reward", given.reward),
        _array("action", given.action),
        floats("propensity", given.propensity),
        floats("evaluation", given.evaluation),
        None if given.q_hat is None else floats("q_hat", given.q_hat),
        None if given.behaviour is None else floats("behaviour", given.behaviour),
        given.baseline,
    )
    check_shapes(made)
    check_rows(made)
    if made.baseline is not None:
        check_baseline(made)
    return made


def _array(name: str, given: Any) -> np.ndarray:
    """Raises DataError for lists of unequal lengths."""
    try:
        return np.asarray(given)
    except (TypeError, ValueError, UserWarning) as error:
        raise DataError(f"{name} is no array ({escaped(str(error))}); give one value for each decision") from error


def floats(name: str, values: Any) -> np.ndarray:
    """As float64. Raises DataError for what is no array of numbers."""
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(values)
            if found.dtype.kind not in "OUSbiuf":
                raise TypeError(f"they are {found.dtype}")
            return found.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError, UserWarning) as error:
        raise DataError(f"{name} holds something that is no number ({escaped(str(error))}); give numbers") from error


def of_log(call: Callable[Concatenate[Log, P], T]) -> Callable[Concatenate[Log, P], T]:
    """A function of a log, whose arrays are checked on the way in; whether its probabilities agree, `diagnose` says."""

    @wraps(call)
    def checked(logged: Log, *given: P.args, **options: P.kwargs) -> T:
        if not isinstance(logged, Log):
            raise DataError(f"a log is what `ope.log` makes, got {type(logged).__name__} {shown(logged)}")
        return call(_formed(logged), *given, **options)

    return checked


@of_log
def weights(logged: Log) -> np.ndarray:
    """(n,) w = evaluation(a) / propensity: how much more often the new policy would have chosen the logged arm."""
    return weights_of(logged)


def weights_of(logged: Log) -> np.ndarray:
    """The same of a log that was checked; 0 where the baseline was chosen, which earns 0 whatever its weight."""
    with np.errstate(over="ignore"):
        found = logged.evaluation[np.arange(len(logged.action)), logged.action] / logged.propensity
    return found if logged.baseline is None else np.where(logged.action == logged.baseline, 0.0, found)


def balance_of(logged: Log, weight: np.ndarray) -> np.ndarray:
    """(n,) `weight` plus the policy's probability of the baseline: 1 in expectation."""
    return weight if logged.baseline is None else weight + logged.evaluation[:, logged.baseline]


def check_shapes(made: Log) -> None:
    """Refuse arrays that do not fit together."""
    rows = len(np.atleast_1d(made.reward))
    if made.evaluation.ndim != 2 or rows == 0:
        raise DataError(
            f"evaluation has shape {made.evaluation.shape} for {rows} rewards;"
            " give (decisions, arms), with one decision at least"
        )
    for name in ("reward", "action", "propensity"):
        if getattr(made, name).shape != (rows,):
            raise DataError(
                f"{name} has shape {getattr(made, name).shape}; give one value for each of {rows} decisions"
            )
    for name in ("evaluation", "q_hat", "behaviour"):
        matrix = getattr(made, name)
        if matrix is not None and matrix.shape != (rows, made.evaluation.shape[1]):
            raise DataError(
                f"{name} has shape {matrix.shape}; give ({rows}, {made.evaluation.shape[1]}): decisions x arms"
            )


def check_rows(made: Log) -> None:
    """Refuse values that no log of a policy can hold."""
    refuse(~np.isfinite(made.reward), "reward", made.reward, "is not finite; leave out or impute missing outcomes")
    arms = made.evaluation.shape[1]
    whole = np.issubdtype(made.action.dtype, np.integer)
    outside = (made.action < 0) | (made.action >= arms) if whole else np.ones(len(made.action), bool)
    refuse(outside, "action", made.action, f"is not an arm's index, an integer from 0 to {arms - 1}")
    wrong = ~((made.propensity > 0) & (made.propensity <= 1))
    refuse(wrong, "propensity", made.propensity, "is not in (0, 1]; log the probability of the arm that was chosen")
    check_probabilities(made.evaluation, "evaluation")
    if made.q_hat is not None:
        bad = ~np.isfinite(made.q_hat).all(axis=1)
        refuse(bad, "q_hat", made.q_hat, "is not finite; predict every arm or leave q_hat out")


def check_baseline(made: Log) -> None:
    """Refuse a baseline that is no arm, or earned something else than 0."""
    baseline, arms = made.baseline, made.evaluation.shape[1]
    if isinstance(baseline, bool) or not isinstance(baseline, int | np.integer) or not 0 <= baseline < arms:
        raise DataError(f"baseline {shown(baseline)} is not an arm's index, an integer from 0 to {arms - 1}")
    wrong = (made.action == baseline) & (made.reward != 0)
    refuse(wrong, "reward", made.reward, "is of the baseline, whose utility is 0; leave the baseline out of the log")


def check_probabilities(matrix: np.ndarray, name: str) -> None:
    """Refuse rows that are not probability vectors."""
    bad = ~((matrix >= 0).all(axis=1) & (np.abs(matrix.sum(axis=1) - 1) < TOLERANCE * matrix.shape[1]))
    refuse(
        bad, name, matrix.sum(axis=1), "is this row's sum, or an entry is negative; give probabilities that sum to 1"
    )


def check_behaviour(made: Log) -> None:
    """Refuse propensities that differ from the logging policy's own probabilities."""
    if made.behaviour is not None:
        check_probabilities(made.behaviour, "behaviour")
        stated = made.behaviour[np.arange(len(made.action)), made.action]
        differs = np.abs(stated - made.propensity) > TOLERANCE + 1e-4 * made.propensity
        refuse(differs, "propensity", made.propensity, "is not what behaviour says of this arm; log the two together")


def refuse(bad: np.ndarray, column: str, values: np.ndarray, why: str) -> None:
    """Raise DataError at the first bad row, with the number of bad rows."""
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"row {row}, column {column}: {shown(values[row])} {why} ({bad.sum()} of {len(bad)} rows)")


def from_obp(feedback: dict[str, Any], evaluation: Any, q_hat: Any = None) -> Log:
    """Open Bandit Pipeline's `bandit_feedback` dictionary -> Log.

    `evaluation` and `q_hat` are (n, arms), or obp's (n, arms, positions), of which each row's own position is taken.
    Raises DataError for a missing key.
    """
    if not isinstance(feedback, Mapping):
        raise DataError(f"bandit_feedback is a dictionary with action, reward and pscore, got {shown(feedback)}")
    for key in ("action", "reward", "pscore"):
        if feedback.get(key) is None:
            raise DataError(f"bandit_feedback has no {key!r}; give the dictionary with action, reward and pscore")
    position = feedback.get("position")
    behaviour = feedback.get("pi_b")
    return log(
        feedback["reward"],
        feedback["action"],
        feedback["pscore"],
        at_position(evaluation, position),
        None if q_hat is None else at_position(q_hat, position),
        None if behaviour is None else at_position(behaviour, position),
    )


@of_log
def to_obp(logged: Log, context: Any = None) -> dict[str, Any]:
    """Log -> Open Bandit Pipeline's `bandit_feedback`; its action_dist is `log.evaluation[:, :, None]`."""
    rows, arms = logged.evaluation.shape
    return {
        "n_rounds": rows,
        "n_actions": arms,
        "context": np.zeros((rows, 1)) if context is None else _array("context", context),
        "action": logged.action,
        "reward": logged.reward,
        "position": None,
        "pscore": logged.propensity,
        "pi_b": None if logged.behaviour is None else logged.behaviour[:, :, None],
        "action_context": np.eye(arms, dtype=int),
    }


def at_position(array: Any, position: Any) -> np.ndarray:
    """(n, arms) of an array that may have a last axis of positions."""
    array = floats("action_dist", array)
    if array.ndim == 2:
        return array
    if array.ndim != 3:
        raise DataError(
            f"probabilities have shape {array.shape}; give (decisions, arms) or (decisions, arms, positions)"
        )
    place = np.zeros(len(array), int) if position is None else _array("position", position)
    fits = place.shape == (len(array),) and place.dtype.kind in "iu"
    if not fits or ((place < 0) | (place >= array.shape[2])).any():
        raise DataError(f"position does not fit probabilities of shape {array.shape}; give an index for each decision")
    return array[np.arange(len(array)), :, place]
