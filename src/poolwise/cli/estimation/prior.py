"""prior export, import, inspect: what one community of projects learned, for another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.cli.common import CONFIG, ConfigOption, JsonOption, StoreOption, engine, print_json, records, say
from poolwise.errors import InputError
from poolwise.targets import target

if TYPE_CHECKING:
    from poolwise.meta.packs import Pack

app = typer.Typer(
    help="Prior packs: what one community of projects learned, as a file from which other stores start.",
    rich_markup_mode="markdown",
)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The pack (JSON).")]


@app.command()
def export(
    file: FileArgument,
    name: Annotated[str | None, typer.Option(help="Of the pack; the file's name when left out.")] = None,
    private: Annotated[bool, typer.Option("--private", help="With noise that protects every single project.")] = False,
    minimum: Annotated[int, typer.Option(min=1, help="No number rests on fewer projects.")] = 3,
    clip: Annotated[float | None, typer.Option(help="No project's mean counts as further from 0.")] = None,
    card: Annotated[Path | None, typer.Option(help="Card of a learned exploration policy (JSON), to go along.")] = None,
    mu: Annotated[float, typer.Option(help="Of a private pack: smaller protects more, and tells less.")] = 0.5,
    bound: Annotated[float, typer.Option(help="Of a private pack: largest norm of a project's part.")] = 1.0,
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what all projects share: no events, no names of projects, nothing that rests on few projects.

    Example: `poolwise prior export provers.json --private`
    """
    from poolwise.meta.packs import read_card, write

    target(file, "pack")
    if private and (clip is not None or card is not None):
        raise InputError("--clip and --card are for packs without noise: a private one takes --bound, and no card")
    named = name or file.stem
    with engine(config, store) as opened:
        policy_card = read_card(card) if card else None
        if private:
            pack = opened.priors.exported_privately(named, minimum=minimum, mu=mu, bound=bound)
        else:
            pack = opened.priors.exported(named, minimum=minimum, clip=clip, card=policy_card)
    write(file, pack)
    if as_json:
        print_json({"written": str(file), **summary(pack)})
    else:
        say(f"{file} written\n" + "\n".join(sentences(pack)))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE ...", help="Packs; several are weighed.")],
    config: ConfigOption = CONFIG,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a store start from packs; a new store is created. What cannot be used of them is told.

    Example: `poolwise prior import provers.json others.json`
    """
    from poolwise.meta.packs import read

    packs = [read(file) for file in files]
    with engine(config, store, create=True) as opened:
        used = opened.priors.adopt(packs)
    if as_json:
        print_json(used)
        return
    for one in used:
        say(
            f"{one['pack']}, of weight {one['weight']:.2f}: {one['numbers']} numbers on {len(one['arms'])} arms by "
            f"name and {len(one['by_family'])} by family"
        )
        for kind, names in one["unused"].items():
            if names:
                say(f"  not used, {kind}: {names if isinstance(names, str) else ', '.join(names)}")


@app.command()
def combine(
    file: FileArgument,
    files: Annotated[list[Path], typer.Argument(metavar="PACK ...", help="Packs of sites, all plain or all private.")],
    minimum: Annotated[int, typer.Option(min=1, help="No number rests on fewer sites.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Combine packs of many sites into one for all of them; those with which the others disagree count little.

    Example: `poolwise prior combine community.json site-*.json`
    """
    from poolwise.meta import hub
    from poolwise.meta.packs import read, write

    target(file, "pack")
    found = hub.combine([read(path) for path in files], file.stem, minimum=minimum)
    write(file, found.pack)
    if as_json:
        weights = {str(path): weight for path, weight in zip(files, found.weights.tolist(), strict=True)}
        print_json({"written": str(file), "weights": weights, **summary(found.pack)})
        return
    say(f"{file} written from {len(files)} packs\n" + "\n".join(sentences(found.pack)))
    for path, weight in sorted(zip(files, found.weights.tolist(), strict=True), key=lambda one: one[1])[:5]:
        say(f"  least agreed with: {path}, of weight {weight:.4f}")


@app.command()
def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check a pack and show what is in it, and what a new project would start from.

    Example: `poolwise prior inspect provers.json`
    """
    from poolwise.cli import printing
    from poolwise.meta.packs import read
    from poolwise.report.projects.packs import expected

    pack = read(file)
    table = expected(pack)
    if as_json:
        print_json({**summary(pack), "expected": records(table)})
        return
    say("\n".join(sentences(pack)))
    if len(table):
        printing.print_table(table, "What a new project would expect: speed-up over the baseline of the best arms")


def summary(pack: "Pack") -> dict[str, Any]:
    """A pack in few numbers."""
    return {
        "name": pack.name,
        "projects": pack.size[0],
        "outcomes": pack.size[1],
        "contexts": list(pack.contexts),
        "arms": list(pack.arms),
        "numbers": int((pack.precision > 0).sum()),
        "minimum": pack.minimum,
        "scales": pack.scales,
        "promise": pack.promise,
        "policy": pack.card,
    }


def sentences(pack: "Pack") -> list[str]:
    """The same for people."""
    about = "about " if pack.promise else ""
    text = [
        f"{pack.name}: what {about}{pack.size[0]} projects share about {len(pack.arms)} arms in {len(pack.contexts)} "
        f"contexts, {int((pack.precision > 0).sum())} numbers, each from at least {about}{pack.minimum} projects."
    ]
    promise = pack.promise
    if promise is None:
        return [*text, "Aggregated only: who knows all other projects can tell what one added. --private prevents it."]
    both = promise["with_earlier_packs"]
    return [
        *text,
        f"Private, for {promise['unit']}: ({promise['epsilon']:.2f}, {promise['delta']:g})-differentially private, "
        f"with earlier packs of the same store ({both['epsilon']:.2f}, {promise['delta']:g}).",
        f"Who knows everything else guesses whether a project took part with at most "
        f"{promise['attacker_right_at_most']:.1%} right. Not protected: {promise['not_protected']}.",
    ]
