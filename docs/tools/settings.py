"""docs/settings.md from the settings themselves: every key of a configuration, its default, its unit, its effect.

    python -m docs.tools.settings            print the page
    python -m docs.tools.settings --write    write it

A key is a field of `poolwise.config`; its default and effect are those of the record that the table stands for, and an
effect is the string below a field. What cannot be read off, units, stands here; a test fails where a number has none.
"""

import argparse
import ast
import inspect
import math
import types
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from poolwise.config.tables import (
    ComputeTable,
    Config,
    ConservativeTable,
    CoverageTable,
    DriftTable,
    EngineTable,
    ExplorationTable,
    FamilyTable,
    FeatureTable,
    ModelTable,
    PolicyTable,
    QuarantineTable,
    Run,
    SafetyTable,
    Space,
)
from poolwise.engine.safeguards.settings import Exploration, Safety
from poolwise.engine.settings import Settings
from poolwise.policy.constraints import change_detection, conservative, coverage_guarantee, quarantine

PAGE = Path(__file__).parents[1] / "settings.md"
HEAD = """# Settings

Every key of a configuration file (`poolwise init` writes one to start from), made from the settings themselves by
`python -m docs.tools.settings --write`. The records are public, too: `poolwise.Settings(horizon=1000)`. A key that is
left out keeps its default; an unknown one is an error that says what was probably meant. Keys of `[workload]` belong to
the workload: [workloads.md](workloads.md).
"""


class Part(NamedTuple):
    """One table of the file."""

    name: str
    keys: type
    """The record of `poolwise.config` whose fields are the keys."""
    record: type | None = None
    """What it stands for, which has defaults and effects; None: the table itself."""


PARTS = (
    Part("run", Run),
    Part("space", Space),
    Part("space.families.NAME", FamilyTable),
    Part("features.NAME", FeatureTable),
    Part("policy", PolicyTable),
    Part("engine", EngineTable, Settings),
    Part("model", ModelTable),
    Part("compute", ComputeTable),
    Part("safety", SafetyTable, Safety),
    Part("safety.quarantine", QuarantineTable, quarantine.Settings),
    Part("safety.conservative", ConservativeTable, conservative.Settings),
    Part("exploration", ExplorationTable, Exploration),
    Part("exploration.coverage", CoverageTable, coverage_guarantee.Guarantee),
    Part("exploration.drift", DriftTable, change_detection.Settings),
)
NUMBER = "number"
"""What a unit is where nothing is known of it."""
OUTSIDE = {"workload"}
"""Tables that have no page here."""
UTILITY, SHARE, SPREAD = "log units", "share, 0 to 1", "noise sd"
UNITS = {
    "run.decisions": "decisions",
    "run.seed": "whole, from 0",
    "run.arrivals": "decisions",
    "space.families.NAME.limit": "arms",
    "compute.workers": "at a time",
    "features.NAME.cost": "unit of the costs",
    "engine.failure_utility": UTILITY,
    "engine.utility_limit": UTILITY,
    "engine.domain_priors": "outcomes",
    "engine.utility_priors": UTILITY,
    "engine.usual_success": "outcomes",
    "engine.outcome_timeout": "seconds",
    "engine.timeout": "unit of the costs",
    "engine.timeout_factor": "factor",
    "engine.resolution": "unit of the costs",
    "engine.project_factors": "0 to 8",
    "engine.project_trust": "probability",
    "engine.half_life": "outcomes",
    "engine.outliers": "spreads",
    "engine.reestimate_every": "outcomes",
    "engine.horizon": "decisions",
    "engine.enough": UTILITY,
    "engine.lock_wait": "seconds",
    "policy.params": "per constant",
    "policy.learn_seconds": "seconds",
    "safety.delta": "probability",
    "safety.margin": UTILITY,
    "safety.spend": SHARE,
    "safety.quarantine.margin": UTILITY,
    "safety.quarantine.slack": SPREAD,
    "safety.quarantine.limit": SPREAD,
    "safety.quarantine.threshold": SPREAD,
    "safety.quarantine.window": "decisions",
    "safety.quarantine.growth": "factor",
    "safety.quarantine.longest": "windows",
    "safety.quarantine.probation": "trials",
    "safety.quarantine.dose": "factor",
    "safety.quarantine.places": "contexts",
    "safety.conservative.alpha": SHARE,
    "safety.conservative.delta": "probability",
    "safety.conservative.worst": "baseline's speed",
    "safety.conservative.cap": "baseline's speed",
    "safety.conservative.baseline": "baseline's speed",
    "exploration.context_budget": SHARE,
    "exploration.overall_budget": SHARE,
    "exploration.grant": "decisions",
    "exploration.memory": "decisions",
    "exploration.quiet": "factor",
    "exploration.coverage.share": SHARE,
    "exploration.coverage.trials": "trials",
    "exploration.coverage.window": "decisions",
    "exploration.drift.threshold": SPREAD,
    "exploration.drift.slack": SPREAD,
    "exploration.drift.limit": SPREAD,
    "exploration.drift.noise": UTILITY,
    "exploration.drift.trust": "outcomes",
    "exploration.drift.keep": SHARE,
}


class Key(NamedTuple):
    """A row of the page."""

    name: str
    default: str
    unit: str
    effect: str


def rows(part: Part) -> list[Key]:
    """Every key of a table that is a value and not a table of its own."""
    effects = {**effects_of(part.keys), **({} if part.record is None else effects_of(part.record))}
    found = []
    for name, field in part.keys.model_fields.items():  # type: ignore[attr-defined]
        if name not in tables(part):
            unit = UNITS.get(f"{part.name}.{name}") or words(field.annotation)
            found.append(Key(name, default(part, name, field), unit, effects.get(name, "")))
    return found


def tables(part: Part) -> set[str]:
    """Keys that are tables of this page."""
    return {
        other.name.removeprefix(f"{part.name}.").split(".")[0]
        for other in PARTS
        if other.name.startswith(part.name + ".")
    }


def default(part: Part, name: str, field: Any) -> str:
    """As one would write it in the file."""
    made = getattr(part.record, "_field_defaults", {}).get(name, PydanticUndefined)
    if made is PydanticUndefined:
        made = field.get_default(call_default_factory=True)
    return written(made)


def written(value: Any) -> str:
    """A default in TOML, or in words where TOML has none."""
    if value is PydanticUndefined:
        return "needed"
    if value is None or (isinstance(value, Mapping | tuple | list) and not value):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, tuple | list):
        return f"`{[list(one) if isinstance(one, tuple) else one for one in value]}`"
    if isinstance(value, float) and round(math.exp(value), 6) in (0.95, 0.5):
        return f"log {round(math.exp(value), 6):g}"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def words(kind: Any) -> str:
    """Of a type whose values have no unit: what may be written."""
    parts = [one for one in get_args(kind) if one is not types.NoneType]
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(words(one) for one in parts))
    if get_origin(kind) is Literal:
        return ", ".join(f'`"{one}"`' for one in parts)
    if kind is bool:
        return "`true`, `false`"
    name = (get_origin(kind) or kind).__name__
    return {"str": "text", "float": NUMBER, "int": NUMBER, "dict": "table"}.get(name, name)


def effects_of(record: type) -> dict[str, str]:
    """The string below every field of a class, in one line."""
    body = ast.parse(inspect.getsource(record).strip()).body[0].body  # type: ignore[attr-defined]
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]
    return found


def page() -> str:
    """The whole page."""
    made = [HEAD]
    for part in PARTS:
        about = inspect.cleandoc((part.record or part.keys).__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        lines = [
            f"| `{one.name}` | {one.default} | {one.unit} | {one.effect.replace('|', chr(92) + '|')} |"
            for one in rows(part)
        ]
        made.append(
            f"## `[{part.name}]`\n\n{about}\n\n| key | default | unit | effect |\n|---|---|---|---|\n"
            + "\n".join(lines)
            + "\n"
        )
    return "\n".join(made)


def top() -> set[str]:
    """Tables of a configuration that must be here."""
    return set(Config.model_fields) - OUTSIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/settings.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
