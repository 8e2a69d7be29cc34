"""replay: a policy over a table of outcomes that were measured for every arm."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poolwise.cli.common import ExecutorOption, JsonOption, WorkersOption, executor_of, print_json, say
from poolwise.errors import InputError
from poolwise.extras import require
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.replay import Interval, Replay


MEANING = {
    "ratio": "utility and regret per decision",
    "total": "utility: share of the total cost saved; regret: in shares of the baseline's cost, per decision",
}


def replay(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Tidy table, a row per unit and arm (Parquet, CSV).")],
    baseline: Annotated[str | None, typer.Option(help="Arm of the baseline; else the one is_baseline marks.")] = None,
    policy: Annotated[str | None, typer.Option(metavar="SPEC", help="For instance floored(thompson).")] = None,
    order: Annotated[str, typer.Option(help="shuffled, time, or project (one after another).")] = "shuffled",
    seeds: Annotated[int, typer.Option(min=1, help="Runs, each in an order of its own.")] = 5,
    delay: Annotated[int, typer.Option(min=0, help="Outcomes are learned so many decisions later.")] = 0,
    horizon: Annotated[float | None, typer.Option(min=1, help="Decisions expected in all, if known.")] = None,
    objective: Annotated[str, typer.Option(help="ratio (mean log ratio of costs) or total (total cost).")] = "ratio",
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every decision (Parquet).")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the curves (png, svg).")] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drive a policy over a table of real outcomes; its regret is exact.

    Example: `poolwise replay outcomes.parquet --baseline default --seeds 10 --log log.parquet`
    """
    from poolwise import replay as replays
    from poolwise.cli.progress import progress
    from poolwise.objective import checked

    check_target(log, "Parquet file", (".parquet",))
    check_target(plot, "plot", (".png", ".svg", ".pdf"))
    if plot is not None:
        require("matplotlib")
    with progress(quiet=as_json) as step:
        found = replays.replay(
            replays.read(table, baseline),
            policy,
            order=order,
            seeds=seeds,
            delay=delay,
            horizon=horizon,
            objective=checked(objective),
            progress=step,
            executor=executor_of(None, executor, workers),
        )
    write(found, log, plot)
    if as_json:
        print_json({**about(found), "summary": found.summary})
    else:
        say("\n".join(lines(found)))


def check_target(path: Path | None, kind: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that could not be written before anything is computed."""
    if path is not None and path.suffix not in suffixes:
        raise InputError(f"{path}: name a file that ends in {' or '.join(suffixes)}")
    if path is not None:
        target(path, kind)


def write(found: "Replay", log: Path | None, plot: Path | None) -> None:
    """The log and the plot, where they were asked for."""
    if log is not None:
        found.log.to_parquet(log, index=False)
    if plot is not None:
        from poolwise.report import replay_plot

        replay_plot.save(replay_plot.curves(found.log, found.table.name), plot)


def about(found: "Replay") -> dict[str, object]:
    """Sizes of what was replayed, and what was repaired on loading."""
    table = found.table
    sizes = {name: len(getattr(table, name)) for name in ("units", "projects", "contexts", "families", "arms")}
    return {"table": table.name, **sizes, "decisions": len(found.log), "notes": list(table.notes)}


def lines(found: "Replay") -> list[str]:
    """The same for people."""
    sizes = about(found)
    head = ", ".join(f"{sizes[name]} {name}" for name in ("units", "projects", "contexts", "arms"))
    return [
        f"{sizes['table']}: {head}; baseline {found.table.arms[found.table.baseline]}",
        *(f"note: {note}" for note in found.table.notes),
        *(f"{name:>38}  {shown(value)}" for name, value in found.summary.items()),
        f"mean over seeds, 95 % interval; {MEANING[found.table.objective]}",
    ]


def shown(value: "Interval") -> str:
    """`0.31 [0.27, 0.35]`, a dash where there is none."""
    if value.mean != value.mean:
        return "-"
    ends = "" if value.low != value.low else f"  [{value.low:.4g}, {value.high:.4g}]"
    return f"{value.mean:.4g}{ends}"
