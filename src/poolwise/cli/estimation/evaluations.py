"""evaluate: what a policy would have earned on decisions that another one made."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from poolwise.cli.common import JsonOption, plain, print_json, say
from poolwise.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from poolwise.objective import Objective
    from poolwise.ope import Comparison, Estimate, Evaluation
    from poolwise.progress import Progress


class Logged(NamedTuple):
    """A log that was read: its rows, and what came with them."""

    frame: "pd.DataFrame"
    notes: list[str]
    policy: "pd.DataFrame | None" = None
    """Probabilities of the policy to evaluate, where the log holds them."""
    behaviour: "pd.DataFrame | None" = None
    objective: "Objective" = "ratio"
    """What the policy that logged optimised."""


def evaluate(
    log: Annotated[str, typer.Argument(metavar="LOG", help="Parquet or CSV of decisions, a store (.db), or .npz.")],
    policy: Annotated[
        str | None, typer.Option(metavar="POLICY", help="A spec, an arm, uniform, or a file of probabilities per arm.")
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="POLICY", help="Paired difference to this one.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Arm of the baseline, worth 0 by definition.")] = None,
    model: Annotated[bool, typer.Option(help="Use the hierarchical belief as the outcome model.")] = True,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    objective: Annotated[
        str | None, typer.Option(help="ratio or total (costs add up); else that of the store, or ratio.")
    ] = None,
    resolution: Annotated[
        float | None, typer.Option(min=0, help="In place of a cost of 0; else half the smallest above 0.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Value of a policy from a log of another one, or a veto where the log cannot tell (exit status 1).

    Example: `poolwise evaluate log.parquet --policy "floored(thompson)" --against uniform`
    """
    from poolwise import ope
    from poolwise.cli.progress import progress
    from poolwise.objective import checked

    logged = read(log, resolution)
    aim = logged.objective if objective is None else checked(objective)
    with progress(quiet=as_json) as step:
        chances = wanted(logged, policy, baseline, aim, step)
        other = wanted(logged, against, baseline, aim, step) if against else chances
    columns = sorted({*logged.frame["arm"], *chances.columns, *other.columns, *behaviour_arms(logged)}, key=str)
    chances, other = (table.reindex(columns=columns, fill_value=0.0) for table in (chances, other))
    made, arms = ope.from_frame(
        logged.frame, chances, model=model, behaviour=logged.behaviour, baseline=baseline, objective=aim
    )
    found = ope.evaluate(made, confidence)
    gain = ope.compare(made, other.to_numpy(float), confidence) if against else None
    if as_json:
        body = {
            "log": log,
            "policy": policy,
            "against": against,
            "objective": aim,
            "arms": len(arms),
            "notes": logged.notes,
        }
        print_json({**body, **plain(found), "comparison": plain(gain)})
    else:
        say("\n".join([*(f"note: {note}" for note in logged.notes), *lines(found), *paired(gain, against)]))
    return 1 if found.diagnosis.veto or (gain and gain.diagnosis.veto) else 0


def behaviour_arms(logged: Logged) -> list[object]:
    """Arms that the logging policy could choose, where it is known."""
    return [] if logged.behaviour is None else list(logged.behaviour.columns)


def read(log: str, resolution: float | None = None) -> Logged:
    """A log by the ending of its name: a store (.db, .sqlite), a dictionary of Open Bandit Pipeline, or a table."""
    from poolwise.ope import files

    path = Path(log)
    if "://" in log:
        return read_store(log)
    if path.suffix in (".db", ".sqlite"):
        return read_store(f"sqlite:///{log}")
    if path.suffix == ".npz":
        feedback = files.read_obp(path)
        chosen, logging = (files.chances_of(feedback, name) for name in ("action_dist", "pi_b"))
        return Logged(files.frame_of(feedback), [], chosen, logging)
    frame = files.read_log(path, resolution)
    return Logged(frame, [], behaviour=files.behaviour(frame))


def read_store(url: str) -> Logged:
    """The decisions of a store that have an outcome."""
    from poolwise.engine.state.creation import remembered
    from poolwise.ope import files
    from poolwise.report.logs import logged
    from poolwise.store import open_store

    store = open_store(url, look=True)
    try:
        frame, notes = logged(store)
        return Logged(frame, notes, behaviour=files.behaviour(frame), objective=remembered(store, None))
    finally:
        store.close()


def wanted(
    logged: Logged, policy: str | None, baseline: str | None, objective: "Objective", step: "Progress"
) -> "pd.DataFrame":
    """Probabilities of the policy that is named, or that the log brings with it."""
    from poolwise import ope
    from poolwise.ope import files

    if policy is None:
        if logged.policy is None:
            raise InputError("name the policy to evaluate: --policy with a spec, an arm, uniform, or a file")
        return logged.policy
    if Path(policy).suffix in (".parquet", ".csv"):
        return ope.target_policy(logged.frame, files.read_table(Path(policy)))
    return ope.target_policy(logged.frame, policy, baseline, objective, step)


def lines(found: "Evaluation") -> list[str]:
    """The diagnosis and every estimate, for people."""
    about = found.diagnosis
    head = (
        f"{about.decisions} decisions, effective sample size {about.effective:.1f}, largest weight"
        f" {about.largest_weight:.4g} ({about.largest_share:.1%} of all), mean weight {about.mean_weight:.3f},"
        f" support {about.support:.1%}"
    )
    if about.veto:
        return [head, f"VETO: {about.veto}"]
    return [head, f"{'logged':>10}  {shown(found.logged_value)}", *table(found.estimates)]


def paired(gain: "Comparison | None", against: str | None) -> list[str]:
    """The difference of two policies."""
    if gain is None:
        return []
    if gain.diagnosis.veto:
        return [f"difference to {against}: VETO: {gain.diagnosis.veto}"]
    return [f"difference to {against}, paired:", *table(gain.differences)]


def table(estimates: "dict[str, Estimate]") -> list[str]:
    """One line per estimator."""
    return [f"{name:>10}  {shown(one)}" for name, one in estimates.items()]


def shown(one: "Estimate") -> str:
    """`0.31 [0.27, 0.35]`."""
    return f"{one.value:.6g}  [{one.low:.6g}, {one.high:.6g}]"
