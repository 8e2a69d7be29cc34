"""What one lying project of ten costs the others and a newcomer, and whether thirty among ten are noticed.

    python -m benchmarks.robustness.poisoning --json benchmarks/results/poisoning.json

Every world has projects that differ as the hierarchy says, in four contexts with six arms. Gain: mean true utility of
what was chosen. A liar reports +-1e5, plausible fakes (what it saw, turned around), that all failed, or, the worst that
is believed as it stands, +-5 against what is true, or -5 of all. Engines are those that a user opens, on a store in
memory.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.harness.result import Figure, arguments, save
from poolwise.engine import Engine, Settings
from poolwise.engine.safeguards.suspicion import ALARM
from poolwise.space import ArmSpace, Family

ARMS, CONTEXTS, NOISE, NEWCOMER = 6, 4, 0.2, 50
SPACE = ArmSpace([Family(f"arm{a}" if a else "default") for a in range(ARMS)], "default")
SETTINGS = Settings(estimate="inline", backend="numpy")
LIES = ("huge", "fakes", "failed", "limit", "down")


class World(NamedTuple):
    """True utilities [project, context, arm], and the noise of every outcome [project, turn]."""

    truth: np.ndarray
    noise: np.ndarray


def world(projects: int, turns: int, seed: int) -> World:
    """Projects, the last one a newcomer, drawn from the hierarchy; the baseline, arm 0, is worth 0 everywhere."""
    draws = np.random.default_rng(seed)
    normal = draws.normal
    truth = (
        normal(0, 0.4, (1, 1, ARMS))
        + normal(0, 0.25, (1, CONTEXTS, ARMS))
        + normal(0, 0.2, (projects, 1, ARMS))
        + normal(0, 0.1, (projects, CONTEXTS, ARMS))
    )
    truth[..., 0] = 0.0
    return World(truth, normal(0, NOISE, (projects, max(turns, NEWCOMER))))


def report(engine: Engine, id: int, utility: float, lie: str | None) -> None:
    """The truth, or a lie."""
    if lie == "failed":
        engine.observe(id, status="failed")
    elif lie == "fakes":
        engine.observe(id, utility=-utility)
    elif lie == "huge":
        engine.observe(id, utility=-1e5 * np.sign(utility))
    elif lie == "limit":
        engine.observe(id, utility=-5.0 * np.sign(utility))
    elif lie == "down":
        engine.observe(id, utility=-5.0)
    else:
        engine.observe(id, utility=utility)


def played(
    found: World, projects: list[int], liars: dict[int, str], turns: int, seed: int
) -> tuple[Engine, np.ndarray]:
    """The engine after all had their turns, and the true utility of every choice [project, turn]."""
    engine = Engine.open("memory://", SPACE, settings=SETTINGS, seed=seed)
    gains = np.zeros((len(projects), turns))
    for turn in range(turns):
        for row, project in enumerate(projects):
            gains[row, turn] = one(engine, found, project, turn, liars.get(project))
    return engine, gains


def one(engine: Engine, found: World, project: int, turn: int, lie: str | None) -> float:
    """Decide and report once; the true utility."""
    context = (turn * 7 + project) % CONTEXTS
    decision = engine.decide(f"project {project}", f"context {context}")
    utility = float(found.truth[project, context, SPACE.index[decision.arm]])
    report(engine, decision.id, utility + float(found.noise[project, turn]), lie)
    return utility


def newcomer(engine: Engine, found: World) -> float:
    """Mean true utility of the newcomer's first decisions."""
    last = len(found.truth) - 1
    return float(np.mean([one(engine, found, last, turn, None) for turn in range(NEWCOMER)]))


def one_of_ten(lie: str, turns: int, seed: int) -> dict[str, float]:
    """Gains of nine honest projects and of a newcomer, with the liar and without; and of a newcomer with nothing."""
    found = world(11, turns, seed)
    nine = list(range(9))
    clean, gain = played(found, nine, {}, turns, seed)
    told, poisoned = played(found, [9, *nine], {9: lie}, turns, seed)
    alone = Engine.open("memory://", SPACE, settings=SETTINGS, seed=seed)
    return {
        "gain": float(gain.mean()),
        "gain_beside_a_liar": float(poisoned[1:].mean()),
        "newcomer": newcomer(clean, found),
        "newcomer_after_a_liar": newcomer(told, found),
        "newcomer_alone": newcomer(alone, found),
    }


def noticed(lie: str | None, liars: int, honest: int, turns: int, seed: int) -> bool:
    """Whether `status` calls the projects suspicious."""
    found = world(liars + honest, turns, seed)
    lying = {} if lie is None else dict.fromkeys(range(honest, liars + honest), lie)
    engine, _ = played(found, list(range(liars + honest)), lying, turns, seed)
    return "suspicious" in engine.status()


def figures(lie: str, rows: list[dict[str, float]]) -> list[Figure]:
    """Means over worlds."""
    mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return [
        Figure(f"{lie}: gain lost beside one liar of ten", 1 - mean["gain_beside_a_liar"] / mean["gain"], "", 0.1),
        Figure(
            f"{lie}: newcomer's gain less that of one who starts from nothing",
            mean["newcomer_after_a_liar"] - mean["newcomer_alone"], "utility", 0.0, at_least=True,
        ),
    ]  # fmt: skip


def main() -> None:
    """Print and save."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--honest", type=int, default=40, help="worlds of honest projects alone, for false alarms")
    options = parser.parse_args()
    found, rows = [], {}
    for lie in LIES:
        rows[lie] = [one_of_ten(lie, options.turns, seed) for seed in range(options.worlds)]
        found += figures(lie, rows[lie])
        told = [noticed(lie, 30, 10, 24, 200 + seed) for seed in range(options.worlds)]
        found.append(Figure(f"{lie}: thirty liars among ten honest ones noticed", float(np.mean(told)), "", 1.0, True))
        for figure in found[-3:]:
            print(figure, figure.met, flush=True)
    alarms = [noticed(None, 0, 40 if seed % 2 else 10, 24, 2_000 + seed) for seed in range(options.honest)]
    found.append(Figure(f"false alarms of honest projects, stated {ALARM}", float(np.mean(alarms)), ""))
    print(found[-1])
    save(options.json, {"seeds": options.worlds, "figures": {one.what: [one.value, one.target] for one in found}})


if __name__ == "__main__":
    main()
