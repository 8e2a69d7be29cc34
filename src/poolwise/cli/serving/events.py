"""decide and observe: the engine's two verbs for a shell."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.cli.common import (
    CONFIG,
    ConfigOption,
    JsonOption,
    StoreOption,
    client,
    configuration,
    engine,
    is_service,
    print_json,
    say,
)

if TYPE_CHECKING:
    from poolwise.config import Config

Number = Annotated[float | None, typer.Option()]


def decide(
    project: Annotated[str, typer.Option(help="Code base, tenant or machine whose job this is.")],
    context: Annotated[str, typer.Option(help="Kind of job, a label that several projects share.")],
    job: Annotated[str | None, typer.Option(help="Name of a job that recurs.")] = None,
    available: Annotated[list[str] | None, typer.Option(help="Arm or family that can be used; repeatable.")] = None,
    feature: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What is known of the job; repeatable.")
    ] = None,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose an arm for one job.

    Example: `poolwise decide --project mathlib --context nonlinear --feature clauses=12000`
    """
    texts = _named(feature or [])
    with engine(config, store, create=True) as opened:
        known = _guessed(texts) if is_service(store) else opened.features.read(texts)
        made = opened.decide(project, context, job=job, available=available or None, features=known or None)
    if as_json:
        print_json({**made._asdict(), "features": known or None})
        return
    say(f"{made.id}  {made.arm}")
    say(f"chosen with probability {made.probability:.3f} ({made.reason}); report its outcome with:")
    say(f"  poolwise observe {made.id} --cost SECONDS --baseline-cost SECONDS")


def _named(given: list[str]) -> dict[str, str]:
    """NAME=VALUE each, by name. Raises InputError."""
    from poolwise.errors import InputError

    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name in found:
            raise InputError(f"--feature {text}: give each feature once, as NAME=VALUE")
        found[name] = value
    return found


def _guessed(texts: dict[str, str]) -> dict[str, Any]:
    """As a service is told, which knows what is declared: numbers, true and false, and other texts."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = {"true": True, "false": False, "": None}.get(text.lower(), text)
    return found


def observe(
    decision: Annotated[int, typer.Argument(metavar="ID", help="What `decide` printed first.")],
    cost: Annotated[float | None, typer.Option(help="What the job cost, for instance in seconds.")] = None,
    baseline_cost: Annotated[float | None, typer.Option(help="What it costs with the baseline, same unit.")] = None,
    utility: Annotated[float | None, typer.Option(help="log(baseline cost / cost), instead of both.")] = None,
    status: Annotated[str, typer.Option(help="ok, failed or timeout.")] = "ok",
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report what happened after a decision. Reporting the same again changes nothing.

    Example: `poolwise observe 17 --cost 0.8 --baseline-cost 1.3`
    """
    if is_service(store):
        with client(str(store)) as asked:
            new = asked.observe(decision, cost=cost, baseline_cost=baseline_cost, utility=utility, status=status)
    else:
        new = _observed(configuration(config, store), decision, cost, baseline_cost, utility, status)
    if as_json:
        print_json({"decision": decision, "new": new})
    else:
        say(f"{decision}  {'learned' if new else 'was known already'}")


def _observed(
    found: "Config",
    decision: int,
    cost: float | None,
    baseline_cost: float | None,
    utility: float | None,
    status: str,
) -> bool:
    """In the store itself: an outcome needs no belief."""
    from poolwise.engine.outcomes import reported
    from poolwise.run.settings import opened_store, settings_of

    settings, given = settings_of(found), {"utility": utility, "cost": cost, "baseline_cost": baseline_cost}
    with closing(opened_store(found, settings, create=False)) as opened:
        return opened.append_outcome(reported(opened, settings, decision, **given, status=status))
