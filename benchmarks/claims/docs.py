"""What the pages in `docs` say of figures."""

from collections.abc import Callable
from functools import partial

from benchmarks.claims.rows import Row, each
from benchmarks.harness.recorded import at, dashed, figure, joined, runs


def of_large(name: str) -> str:
    """Regret over TPE's, how far the best that was tried lies below the best there is, and in the worst system."""
    one = at("large_spaces", "searchers", name)
    return f"{one['regret']:.2f} | {joined([*one['below'].values()], '.2f')} | {one['worst']:.2f}, {one['worst at']}"


def searched(name: str) -> str:
    """A row of docs/configurations.md: sessions of 200 and 400 trials, a dash where there was none; what was best on
    the way is that of the shortest session."""
    runs = [at("kernels", "searchers", name).get(trials, {}) for trials in ("200", "400")]
    every = [*at("kernels", "searchers", name).values()]
    best = [next((run[f"best {n}"] for run in every if f"best {n}" in run), None) for n in (50, 100, 200, 400)]
    cells = [dashed(best, ".3f")]
    cells += [dashed([run.get(what) for run in runs], ".2f") for what in ("worst", "score")]
    seeds = " / ".join(dict.fromkeys(str(run["seeds"]) for run in every))
    return " | ".join(
        [dashed([run.get("regret") for run in runs], ".2f"), *cells, f"{every[0]['distinct']:.0f}", seeds]
    )


def in_full_spaces() -> str:
    """The same of random search where nothing was left out; what it tries is not counted there."""
    found = at("kernels", "full spaces")
    best, worst = joined([one["best"] for one in found.values()], ".3f"), [found[n]["worst"] for n in ("200", "400")]
    return f"| {best} | {joined(worst, '.2f')} | | | exact"


def covered(truth: str) -> str:
    """Per cent inside 90 % intervals at new jobs, after more and more outcomes."""
    return " | ".join(f"{one['coverage']:.1f}" for one in at("feature_coverage", "entries") if one["truth"] == truth)


def simulated(name: str) -> str:
    """A row of the simulated prover in docs/exploration.md."""
    one = at("prover_simulation", "runs", name)
    shares = " | ".join(f"{100 * one[key]:.1f} %" for key in ("success", "safe"))
    return f"{one['speed_up']:.3f} | {shares} | {one['regret']:.1f} | {100 * one['found']:.1f} %"


def guarantee(world: str) -> str:
    found = at("safety", "guarantee", world).values()
    return " | ".join(f"{100 * one['broken']:.1f} % / {one['regret']:.0f}" for one in found)


EXPLORATION = [
    Row("Poolwise, without the file's domain priors", lambda: simulated("Poolwise, no domain priors")),
    Row("Poolwise, with them", lambda: simulated("Poolwise")),
    *each(
        simulated, "flat Gaussian Thompson", "epsilon-greedy 0.1, every arm first", "UCB1", "Beta-Thompson", "uniform"
    ),
    Row("every best strategy known", lambda: simulated("oracle")),
    *each(
        guarantee,
        "the simulation",
        "every other arm worse",
        "arms that turn bad half-way",
        "heavy-tailed noise",
        "outcomes 30 decisions late",
    ),
]
ARCHITECTURE = each(
    lambda call: str(at("crossings", "counts", call)), "observe", "decide, nothing new", "decide after an outcome"
)
FEATURES = [Row(f"{truth},", partial(covered, truth)) for truth in ("linear", "smooth", "wavy", "nothing")]
LARGE = {
    "earning, the default |": 'Poolwise, goal = "earn"',
    "tuning session |": 'Poolwise, goal = "best"',
    "tuning session, `renew": 'Poolwise, goal = "best", renew = "never"',
    "TPE of Optuna": "Optuna TPE",
    "drawn at random": "random search",
}
"""Searchers of `large_spaces.json`, by the beginning of their rows."""
CONFIGURATIONS = [
    *(Row(row, partial(of_large, name)) for row, name in LARGE.items()),
    *(Row(f'`goal = "{goal}"`', partial(searched, f'Poolwise, goal = "{goal}"')) for goal in ("earn", "best")),
    *each(searched, *(name for name in at("kernels", "searchers") if "Poolwise" not in name)),
    Row("in the full spaces", in_full_spaces),
]
PHRASES: dict[str, list[Callable[[], str]]] = {
    "docs/exploration.md": [
        lambda: (
            f"the coverage guarantee finds it in {100 * at('safety', 'rare', 'found, with'):.0f} % of"
            f" {at('safety', 'sizes', 'rare')}"
        ),
        lambda: "found in {:.0f} % of the runs, {:.0f} % without".format(
            *(100 * x for x in runs("found in rare_but_critical", "Poolwise", "Poolwise, no domain priors"))
        ),
    ],
    "docs/configurations.md": [
        lambda: f"a GPU after the first has {figure('transfer', 'GPUs after the first'):.2f} of the regret",
        lambda: f"at worst {figure('transfer', 'worst search'):.1f} times the regret",
        lambda: f"keeping the best of these comes to {figure('transfer', 'earlier GPUs'):.2f}",
        lambda: "{:.2f} if it is told the number of decisions (`horizon`), {:.2f} if not".format(
            *(figure("transfer_engine", f"horizon {how}: GPUs after the first") for how in ("known", "unknown"))
        ),
        lambda: "at worst {:.1f} and {:.1f} times".format(
            *(figure("transfer_engine", f"horizon {how}: worst") for how in ("known", "unknown"))
        ),
    ],
}
