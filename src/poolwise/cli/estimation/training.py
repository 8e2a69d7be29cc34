"""learn: how to explore, trained on simulated systems like the ones that a store knows."""

import time
from collections.abc import Iterator
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
from poolwise.errors import InputError
from poolwise.progress import left
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.meta.exploration import Model
    from poolwise.meta.learning import Progress


def learn(
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the card is written.")] = Path("exploration.json"),
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 150,
    batch: Annotated[int, typer.Option(min=4, help="Systems per step.")] = 128,
    decisions: Annotated[int, typer.Option(min=2, max=1000, help="Decisions per simulated project.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or gpu; by default what JAX finds.")] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> int:
    """Learn how to explore on simulated projects drawn around what the store's refits found; exit status 1 and the
    default stays unless it gains for certain on projects that it was not trained on.

    It goes on where it was interrupted, and writes a card to be named in `[policy] learned`.

    Example: `poolwise learn --out exploration.json --steps 150`
    """
    from poolwise.compute import opened
    from poolwise.meta import held_out, learning, policy_card
    from poolwise.run import training_task

    target(out, "card")
    training_task.use(device)
    task = training_task.task(config, store, decisions=decisions, seed=seed, batch=batch)
    checkpoint = out.with_suffix(".checkpoint.json")
    with opened(executor_of(known_configuration(config, store), executor, workers)) as pool:
        told = learning.learn(task, steps, checkpoint, pool)
        model = _last_model(told, steps, quiet=as_json)
        if model is None:
            raise InputError(
                f"{checkpoint} has had {steps} steps already: ask for more, or move it away to start afresh"
            )
        found = held_out.evaluate(task, model, pool=pool)
    policy_card.write(found, out)
    if as_json:
        print_json({**found, "text": policy_card.sentences(found), "file": str(out)})
    else:
        say("\n".join([*policy_card.sentences(found), f"card: {out}"]))
    return 0 if found["promoted"] else 1


def _last_model(steps: "Iterator[Progress]", total: int, *, quiet: bool) -> "Model | None":
    """What was learned in the end, telling how far it is; None where no step was left."""
    model, began, first = None, time.monotonic(), None
    for progress in steps:
        model, first = progress.model, first or progress.step
        if not quiet and (progress.step % 10 == 0 or progress.step == total):
            rest = left(time.monotonic() - began, progress.step - first, total - progress.step)
            say(f"step {progress.step} of {total}: log of the mean regret {progress.loss:.3f}{rest}", err=True)
    return model
