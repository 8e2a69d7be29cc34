"""learn: how to explore, from what settings of the policy would have earned in histories."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from poolwise.errors import DataError
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.meta.histories import History

TablesOption = Annotated[
    list[Path] | None, typer.Option("--tables", metavar="PATH", help="A table, or a folder of them; once or more.")
]


def learn(
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the card is written.")] = Path("exploration.json"),
    tables: TablesOption = None,
    simulated: Annotated[int, typer.Option(min=0, max=1000, help="Simulated systems besides.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for the race.")] = 20.0,
    seeds: Annotated[int, typer.Option(min=3, max=1000, help="Most runs of a setting on a history.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or gpu; by default what JAX finds.")] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> int:
    """Learn how to explore from the store's own projects, and from tables: settings of the policy live through them
    again, and a card says which did well where. Exit status 1 and the default stays unless it gains for certain on
    projects and tables that it was not learned from.

    The card is to be named in `[policy] learned`; it recommends by what a project is like.

    Example: `poolwise learn --out exploration.json --tables benchmarks --minutes 20`
    """
    from poolwise.cli.progress import progress
    from poolwise.compute import opened
    from poolwise.meta import policy_card, racing
    from poolwise.run import simulated_systems
    from poolwise.run.opening import policy_of

    target(out, "card")
    simulated_systems.use(device)
    known = known_configuration(config, store)
    policy = policy_of(known)
    settings = racing.grid(policy)
    pasts = _histories(config, store, tables or [], simulated, seed)
    first = 1_000 * (seed + 1)
    with opened(executor_of(known, executor, workers)) as pool, progress(quiet=as_json) as step:
        race = racing.race(pasts, policy, settings, range(first, first + seeds), 60 * minutes, pool, step)
    found = policy_card.of_race(race)
    policy_card.write(found, out)
    if as_json:
        print_json({**found, "text": policy_card.sentences(found), "file": str(out)})
    else:
        say("\n".join([*policy_card.sentences(found), f"card: {out}"]))
    return 0 if found["promoted"] else 1


def _histories(path: str, store: str | None, tables: list[Path], simulated: int, seed: int) -> "list[History]":
    """Raises DataError where fewer than two are there."""
    from poolwise.run import histories, simulated_systems
    from poolwise.store import open_store

    known = known_configuration(path, store)
    url, warn = known.run.store, lambda text: say(text, err=True)
    with closing(open_store(url, look=True)) as opened:
        found = histories.of_store(opened, warn)
        found += simulated_systems.of_simulation(opened, url, known, simulated, seed) if simulated else []
    found += histories.of_tables(tables, seed)
    if len({group for one in found for group in one.projects or [one.group]}) < 2:
        raise DataError(
            f"{len(found)} histories to learn from, and what holds for one may not for the next: name tables of"
            " outcomes with --tables, add --simulated 16, or wait until two projects have enough outcomes"
        )
    return found
