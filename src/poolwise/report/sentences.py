"""What the plots of a run say, in one plain sentence each, with the run's own numbers."""

import html
from collections.abc import Mapping

import numpy as np
import pandas as pd

from poolwise.objective import Objective
from poolwise.policy.learning_phase import MATURE

Tables = Mapping[str, pd.DataFrame]


def headline(trials: pd.DataFrame, tables: Tables, objective: Objective = "ratio") -> list[tuple[str, str]]:
    """The four figures at the top of the page, each with what it means; first of all what is optimised."""
    overall = tables["thirds"].iloc[0]
    speed = (
        f"{overall.speed_up_last:.2f}×",
        f"speed-up in the last third of the jobs, after {overall.speed_up_first:.2f}×",
    )
    saved = _saved_figure(trials, float(tables["totals"]["saved"].iloc[0]))
    return [
        *((speed, saved) if objective == "ratio" else (saved, speed)),
        (f"{100 - 100 * overall.slower_last:.0f} %", "of those jobs as fast as the baseline, within 5 %"),
        (f"{trials['project'].nunique()}", f"projects, sharing {trials['context'].nunique()} kinds of jobs"),
    ]


def sentences(trials: pd.DataFrame, cells: pd.DataFrame, tables: Tables) -> dict[str, str]:
    """By name of their place in the page; project names are escaped."""
    return {
        "speed_sentence": _speed(trials, tables["thirds"]),
        "saved_sentence": _saved(trials),
        "regret_sentence": _regret(tables["regret"]),
        "cost_sentence": _cost(tables["thirds"].iloc[0]),
        "phase_sentence": _phase(tables["phases"]),
        "context_sentence": _context(tables["contexts"]),
        "forest_sentence": _forest(tables["favourites"]),
        "shrinkage_sentence": _shrinkage(cells),
        "borrowed_sentence": _borrowed(tables["borrowed"]),
    }


def _speed(trials: pd.DataFrame, thirds: pd.DataFrame) -> str:
    first, last = thirds.iloc[1], thirds.iloc[-1]
    text = (
        f"{_name(first.project)} went from {first.speed_up_first:.2f}× in the first third of its jobs to "
        f"{first.speed_up_last:.2f}× in the last"
    )
    if len(thirds) == 2:
        return text + "."
    start = "from its first third" if last.speed_up_first > first.speed_up_first else "in its first third"
    came = int(trials.index[trials["project"] == last.project][0])
    speed = f"{last.speed_up_first:.2f}× {start}"
    return f"{text}; {_name(last.project)}, which joined after {came:,} decisions, ran at {speed}."


def _saved_figure(trials: pd.DataFrame, share: float) -> tuple[str, str]:
    if np.isnan(share):
        return f"{trials['arm'].nunique()}", "ways of doing a job were tried at least once"
    return f"{100 * share:.0f} %", "of the total cost with the baseline was saved"


def _saved(trials: pd.DataFrame) -> str:
    known = trials[trials["cost"].notna() & trials["baseline_cost"].notna()]
    if known.empty:
        return "Costs were not reported, so what was saved in all is not known."
    spent, otherwise = float(known["cost"].sum()), float(known["baseline_cost"].sum())
    some = "" if len(known) == len(trials) else f" (of {len(known):,} jobs whose costs are known)"
    word = "saved" if spent <= otherwise else "lost"
    return (
        f"All jobs together cost {spent:,.4g}, where the baseline would have cost {otherwise:,.4g}{some}: "
        f"{abs(otherwise - spent):,.4g} {word}, {100 * abs(otherwise - spent) / otherwise:.0f} %."
    )


def _regret(regret: pd.DataFrame) -> str:
    every, last = regret.iloc[0], regret.iloc[-1]
    return (
        f"Not knowing the way that is believed best now made jobs {_percent(every.over_best)} dearer than with it "
        f"({_percent(every.low)} to {_percent(every.high)}), the last third of them {_percent(last.over_best)}."
    )


def _percent(factor: float) -> str:
    return f"{100 * (factor - 1):.0f} %"


def _cost(overall: pd.Series) -> str:
    return (
        f"Finding out takes trying: {100 * overall.slower_first:.0f} % of the jobs in the first third, and "
        f"{100 * overall.slower_last:.0f} % in the last, ran clearly slower than they would have by themselves."
    )


def _phase(phases: pd.DataFrame) -> str:
    if len(phases) < 2:
        return "Exploring is meant to fade as the favourites become certain."
    first, last = phases.iloc[0], phases.iloc[-1]
    return (
        f"Exploring follows doubt: {100 * first.explored:.0f} % of the decisions in the {first.phase} phase tried "
        f"another way than the favourite, {100 * last.explored:.0f} % of those in the {last.phase} one."
    )


def _context(contexts: pd.DataFrame) -> str:
    if contexts.empty:
        return "Nothing was decided yet."
    least = contexts.iloc[int(contexts["doubt"].to_numpy().argmax())]
    settled = int((contexts["doubt"] <= MATURE).sum())
    return (
        f"In {settled} of {len(contexts)} places little can still be gained; most in "
        f"{html.escape(str(least.context))}, after {least.jobs} jobs: {100 * least.doubt:.0f} % of what the "
        "favourite gains there."
    )


def _forest(favourites: pd.DataFrame) -> str:
    arms = favourites.drop_duplicates(["context", "arm"]).groupby("context").size()
    sure = int((favourites["low"] > 1).sum())
    return (
        f"In {sure} of {len(favourites)} places the whole interval lies above the baseline; which way is best depends "
        f"on the kind of job ({favourites['arm'].nunique()} different ones are favourites here)"
        + (", and often on the project too." if float(arms.mean()) > 1.5 else ".")
    )


def _shrinkage(cells: pd.DataFrame) -> str:
    shift = (np.log(cells["raw"]) - np.log(cells["pooled"])).abs().groupby(cells["group"], sort=False).mean()
    moves = [f"{np.exp(value):.1f}" for value in shift]
    if len(moves) < 2:
        return "An estimate from few trials is pulled towards what is known from elsewhere."
    return (
        "An estimate from one or two trials may be luck, so it is pulled towards what is known from elsewhere "
        f"(the ones below by a factor of {moves[0]}); one that rests on many trials hardly moves ({moves[1]})."
    )


def _borrowed(table: pd.DataFrame) -> str:
    if table.empty:
        return "Here every project learned alone, or there is but one."
    right = int(((table["now"] >= table["before_low"]) & (table["now"] <= table["before_high"])).sum())
    ahead = int((table["before"] > 1).sum())
    return (
        f"{_name(table['project'].iloc[0])} had not done a single job of a kind when the others' experience already "
        f"said, in {ahead} of {len(table)} kinds, that the way it now prefers beats the baseline; in {right} of "
        f"{len(table)} what it came to lies within what was expected."
    )


def _name(project: str) -> str:
    return html.escape(str(project)).capitalize()
