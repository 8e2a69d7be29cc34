"""refit: everything estimated again behind a gate."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.cli.common import (
    CONFIG,
    ConfigOption,
    ExecutorOption,
    JsonOption,
    StoreOption,
    WorkersOption,
    executor_of,
    known_configuration,
    print_json,
    say,
)

if TYPE_CHECKING:
    from poolwise.schema import Snapshot


def refit(
    method: Annotated[str, typer.Option(help="fast (closed form), nuts or svi (full Bayes).")] = "fast",
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PARQUET", help="Events of a file, folder, pattern, or another store instead."),
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the draws go (netCDF, for ArviZ).")] = None,
    chains: Annotated[int, typer.Option(min=1, help="Chains of nuts.")] = 4,
    draws: Annotated[int, typer.Option(min=4, help="Draws of every chain.")] = 500,
    warmup: Annotated[int | None, typer.Option(min=1, help="Steps of every chain before its draws.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of finishing an interrupted one.")] = False,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Estimate everything again from all outcomes; a gate decides whether the result serves. Exit status 1 if not.

    Interrupt it at any time: the same command goes on where it stopped.

    Example: `poolwise refit --method nuts --chains 4`
    """
    from poolwise.cli.progress import progress
    from poolwise.run.opening import open_engine

    settings = known_configuration(config, store)
    place = executor_of(settings, executor, workers)
    with closing(open_engine(settings, create=False)) as opened:
        options: dict[str, Any] = {
            **_places(settings.run.store, method, len(opened.store.snapshots()) + 1, save),
            "source": source,
            "fresh": fresh,
            "chains": chains,
            "draws": draws,
            "warmup": warmup,
            "seed": seed,
            "device": device,
            "executor": place.address,
            "workers": place.workers,
            **settings.model.given(Path(config).parent),
        }
        if "model" in options and Path(options["model"]).is_file():
            say(f"the model file {options['model']} is executed", err=True)
        with progress(quiet=as_json) as step:
            snapshot = opened.refit(method, progress=step, **options)
    if as_json:
        print_json(snapshot)
    else:
        _print(snapshot)
    return 0 if snapshot.status == "serving" else 1


def _places(url: str, method: str, number: int, save: Path | None) -> dict[str, Path]:
    """Where a refit leaves its draws, and meanwhile what is unfinished."""
    folder = beside(url)
    return {"save": save or folder / f"{number:04}-{method}.nc", "folder": folder / f"unfinished-{method}"}


def beside(url: str) -> Path:
    """The folder for what refits of a store leave behind: next to its file, or here where it has none."""
    path = url.partition(":///")[2] if url.startswith("sqlite:///") else ""
    return Path(f"{path}-refits") if path else Path("poolwise-refits")


def _print(snapshot: "Snapshot") -> None:
    import pandas as pd

    from poolwise.cli import printing

    rows = [
        (check["name"], _figure(check["value"]), check["limit"], "ok" if check["passed"] else "NOT MET")
        for check in snapshot.diagnostics["checks"]
    ]
    printing.print_table(pd.DataFrame(rows, columns=["check", "value", "must be", ""]), "The gate")
    verdict = f"snapshot {snapshot.id} ({snapshot.method}) from {snapshot.diagnostics['rows']} outcomes"
    if snapshot.status == "serving":
        say(f"{verdict} serves: {snapshot.reason}")
    else:
        say(f"{verdict} does NOT serve, the one before it still does: {snapshot.reason}")
    if "inference_data" in snapshot.diagnostics:
        say(f"draws: {snapshot.diagnostics['inference_data']} (`poolwise report` with this file makes a page)")


def _figure(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.3g}"
