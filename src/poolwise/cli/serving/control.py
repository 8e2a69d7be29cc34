"""control: an operator's orders to a running system."""

from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, looking, print_json, say


def control(
    order: Annotated[
        str,
        typer.Argument(
            help="pin, ban, freeze, stop, shadow; their opposites unpin, unban, unfreeze, resume, promote; or list."
        ),
    ] = "list",
    arm: Annotated[str | None, typer.Argument(help="Arm to pin, or arm or family to ban.")] = None,
    project: Annotated[str | None, typer.Option(help="Only in this project.")] = None,
    context: Annotated[str | None, typer.Option(help="Only in this context.")] = None,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an order; it is logged, holds until it is lifted, and reaches other processes at their next refresh.

    Example: `poolwise control ban sample --project mathlib`
    """
    with looking(config, store, look=order == "list") as opened:
        given = None if order == "list" else opened.control(order, arm, project=project, context=context)
        found = opened.overview().get("orders", [])
    if as_json:
        print_json({"given": given, "in_force": found})
    else:
        say("\n".join(found) or "no orders in force")
