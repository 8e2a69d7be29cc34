"""What README says of figures."""

from typing import Any

from benchmarks.claims.rows import Row
from benchmarks.harness.recorded import at, figure, joined, of_kernels, runs

MILLION = (*(f'Poolwise, goal = "best"{renew}' for renew in ("", ', renew = "never"')), "Optuna TPE")
"""Searchers of spaces of a million configurations."""


def to_each_peer() -> list[float]:
    """The better form of reward of every peer that README names."""
    ratio = at("replay", "summary", "ratio to every single peer")
    names = ("LinUCB", "epsilon-greedy", "Vowpal Wabbit", "LinTS", "Thompson per context")
    return [max(value for peer, value in ratio.items() if peer.startswith(f"{name} (")) for name in names]


def tuned(goal: str) -> str:
    """Regret over TPE's and the best found after 200 trials, through the engine."""
    name = f'Poolwise, goal = "{goal}"'
    return joined([of_kernels(name, what) for what in ("regret", "best 200")], ".3f")


def of_kernel_tuner(what: str) -> list[Any]:
    """Of the strategies that README names, in its order."""
    names = ("simulated annealing", "genetic algorithm", "tabu and grey wolf", "iterated local search")
    return [of_kernels(f"Kernel Tuner {name}", what) for name in names]


def with_features() -> list[float]:
    """All jobs, last third, first hundred."""
    parts = ("all", "last third", "first hundred")
    return [figure("features", f"regret with features over without, {part}") for part in parts]


def prover(form: tuple[str, str], *names: str) -> str:
    return " | ".join((joined(runs("speed_up", *names), form[0]), joined(runs("regret", *names), form[1])))


def slower_than_ours() -> list[float]:
    """NUTS of the refit; then NumPyro, BlackJAX and nutpie, over the closed form on the same cells."""
    table = {one["peer"]: one.get("seconds") for one in at("samplers", "16,000 cells", "table")}
    own = [table[name] / table["poolwise"] for name in ("NumPyro NUTS", "BlackJAX NUTS", "nutpie")]
    return [round(times, -1) for times in (figure("refit", "NUTS, one chain of 500 draws, over"), *own)]


def inside() -> list[float]:
    """Per cent inside 90 % intervals where the model holds: all sizes, all kinds of cells."""
    return [
        value for one in at("coverage", "entries") if one["regime"] == "plain" for value in one["coverage"].values()
    ]


def served(connections: int, what: str, *more: str) -> list[float]:
    """Of the service on SQLite."""
    return [at("service", "runs", "SQLite", str(connections), key) for key in (what, *more)]


EIGHT = "decide, 8 arms, 50 contexts"
README = [
    Row(
        "decide and observe over HTTP on SQLite, 64 connections",
        lambda: "{:,.0f} requests/s / {:.0f} ms".format(*served(64, "requests a second", "p99 ms")),
    ),
    Row("one connection, p50 / p99", lambda: "{:.1f} / {:.1f} ms".format(*served(1, "p50 ms", "p99 ms"))),
    Row(
        "ten minutes with a minute without PostgreSQL",
        lambda: "{:.2f} %; {:.0f}".format(
            100 * figure("outage", "decisions answered"),
            figure("outage", "acknowledged decisions") + figure("outage", "acknowledged outcomes"),
        ),
    ),
    Row("regret over that of the best of 15 peers", lambda: f"{at('replay', 'summary', 'ratio to the best peer'):.2f}"),
    Row("the same on sets of 500 jobs", lambda: f"{at('replay', 'summary', 'ratio on large sets'):.2f}"),
    Row("worst set", lambda: f"{at('replay', 'summary', 'worst ratio'):.2f}"),
    Row("against one peer everywhere: LinUCB / epsilon-greedy", lambda: joined(to_each_peer(), ".2f")),
    Row("nine of them with features of jobs: regret over that without", lambda: joined(with_features(), ".2f")),
    Row(
        "with features, over the best peer with the same features",
        lambda: joined([figure("features", f"with features over the best {one}") for one in ("peer", "single")], ".2f"),
    ),
    Row(
        "a project's first 20 decisions / all of them",
        lambda: joined([figure("transfer_projects", f"Poolwise, {part}") for part in ("beginnings", "whole")], ".2f"),
    ),
    Row(
        "exploration learned on all other domains, over the default",
        lambda: joined(
            [at("left_out", "geometric mean", "own baseline", how) for how in ("start", "later", "mean", "hindsight")],
            ".2f",
        ),
    ),
    Row("cumulative regret from nothing, over", lambda: f"{figure('spaces', 'regret from nothing / Optuna TPE'):.2f}"),
    Row(
        "with 200 random trials of each other GPU",
        lambda: joined([figure("spaces", "200 random trials"), figure("spaces", "other GPUs known")], ".2f"),
    ),
    Row("best configuration found, of the optimum", lambda: f"{figure('spaces', 'best configuration found'):.2f}"),
    Row(
        "the same kernels tuned through the engine",
        lambda: tuned("earn"),
    ),
    Row(
        "the same as tuning sessions",
        lambda: tuned("best"),
    ),
    Row(
        "Kernel Tuner's own strategies on the same tables",
        lambda: joined(of_kernel_tuner("best 200"), ".3f"),
    ),
    Row(
        "spaces of a million configurations and more",
        lambda: joined([at("large_spaces", "searchers", name, "below", "200") for name in MILLION], ".2f"),
    ),
    Row("their regret over TPE's", lambda: joined(of_kernel_tuner("regret"), ".2f")),
    Row(
        "the search as a sampler in Optuna studies",
        lambda: f"{figure('sampler', 'regret in a study'):.2f} / {figure('sampler', 'standard error'):.2f}",
    ),
    Row(
        "GPUs one after another: one engine for all",
        lambda: joined([figure("transfer_engine", f"horizon {h}: GPUs after") for h in ("known", "unknown")], ".2f"),
    ),
    Row(
        "a GPU in a store into which 200 random trials",
        lambda: joined(
            [figure("transfer_imported", f"random, horizon {h}: regret") for h in ("known", "unknown")], ".2f"
        ),
    ),
    Row("Poolwise / told domain priors", lambda: prover((".3f", ".1f"), "Poolwise, no domain priors", "Poolwise")),
    Row(
        "flat Gaussian Thompson / epsilon-greedy",
        lambda: prover((".3f", ".1f"), "flat Gaussian Thompson", "epsilon-greedy 0.1, every arm first", "UCB1"),
    ),
    Row("every best strategy known", lambda: prover((".3f", ".0f"), "oracle")),
    Row(
        "closed form against NUTS (NumPyro): largest gap",
        lambda: (
            f"{figure('refit', 'largest gap of a mean over'):.2f} sd / {figure('refit', 'smallest ratio'):.2f} to"
            f" {figure('refit', 'largest ratio'):.2f}"
        ),
    ),
    Row(
        "time against NumPyro / BlackJAX / nutpie",
        lambda: "1 : {:,.0f} to {:,.0f} / 1 : {:,.0f} / 1 : {:,.0f}".format(*slower_than_ours()),
    ),
    Row("90 % intervals of unseen / rare / well seen", lambda: f"{min(inside()):.1f} to {max(inside()):.1f} %"),
    Row(
        "last third, speed-up over Z3's default",
        lambda: " | ".join(
            joined([figure("z3_demo", f"{how}: speed-up by {by}") for by in ("effort", "wall")], ".2f")
            for how in ("replayed", "live")
        ),
    ),
    Row("the same against the best single arm", lambda: f"{figure('z3_demo', 'replayed: over the best single'):.2f} |"),
    Row(
        "the same against the best arm of every",
        lambda: f"{figure('z3_demo', 'replayed: over the best arm per'):.2f} |",
    ),
    Row(
        "jobs that ran more than 5 % slower",
        lambda: " | ".join(f"{100 * figure('z3_demo', f'{how}: share below'):.1f} %" for how in ("replayed", "live")),
    ),
    Row(
        "decisions of a later project until near",
        lambda: ", ".join("{} / {}".format(*pair) for pair in at("z3_demo", "decisions to level").values()) + " |",
    ),
    Row("2,400 decisions, Xeon", lambda: f"| {figure('z3_demo', 'live: seconds'):.0f} s"),
    Row(
        "one decision, 8 arms x 50 contexts",
        lambda: joined([figure("engine", f"{EIGHT}, undisturbed, {p}") for p in ("p50", "p99")], ".1f") + " us",
    ),
    Row("right after an outcome that changed", lambda: f"{figure('engine', f'{EIGHT}, after an outcome'):.0f} us"),
    Row("decisions in bulk", lambda: f"{figure('engine', 'decide_many, 8 arms') / 1e6:.1f} million/s"),
    Row(
        "decide + observe pairs on SQLite",
        lambda: (
            f"{figure('store', 'decide + observe, one by one'):,.0f}/s /"
            f" {round(figure('store', 'decide_many + observe_many'), -3):,.0f}/s"
        ),
    ),
    Row(
        "scales and all beliefs, 100 projects",
        lambda: (
            f"{figure('posterior', 'fit and all beliefs, warm'):.0f} ms;"
            f" {figure('posterior', 'fit and all beliefs, new process'):.2f} s in a new process"
        ),
    ),
    Row(
        "the same, 800,000 cells / 8,000,000 cells",
        lambda: " / ".join(f"{figure('scaling', cells):.1f} s" for cells in ("800,000 cells", "8,000,000 cells")),
    ),
    Row("largest error of a belief", lambda: f"{figure('posterior', 'largest error of mean, families'):.0e}"),
    Row(
        "100 million events to statistics",
        lambda: f"{figure('aggregation', 'statistics of'):.0f} s, {figure('aggregation', 'peak memory'):.0f} GB",
    ),
    Row(
        "runs killed at random moments after which all was right",
        lambda: (
            f"{figure('crash', 'kills after which all was right'):,.0f}; before the store existed:"
            f" {figure('crash', 'killed before the store existed'):.0f}, before the first acknowledgement:"
            f" {figure('crash', 'killed before their first acknowledgement'):.0f}"
        ),
    ),
]
