"""Parameter spaces: what a searcher proposes, sees and is told, and what its trials score."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers import kernel_tuner
from benchmarks.peers import searchers as space_peers
from benchmarks.replay import full_spaces, kernels, methodology, searches, spaces
from benchmarks.replay.engine_search import ENGINES
from benchmarks.replay.large_systems import SYSTEMS
from benchmarks.replay.methodology import Scores
from poolwise.space.candidates import anywhere, neighbours
from poolwise.table import Table, from_rows


@pytest.fixture(scope="module")
def table() -> Table:
    """Two machines, 60 configurations of a bowl in (x, y), some missing from the grid; `mode` b is slower."""
    rows, params = [], {}
    for k, (x, y, mode) in enumerate((x, y, mode) for x in (1, 2, 4, 8, 16, 32) for y in range(6) for mode in "ab"):
        if k % 6 == 5:
            continue
        params[str(k)] = {"x": x, "y": y, "mode": mode, "fixed": 1}
        cost = np.exp((np.log2(x) - 3) ** 2 / 4 + (y - 2) ** 2 / 4 + (mode == "b"))
        rows += [(machine, machine, "kernel", mode, str(k), cost) for machine in ("m0", "m1")]
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="bowl", source="bowl", baseline="0", params=params)


@pytest.mark.parametrize("name", SYSTEMS)
def test_best_of_a_large_system_is_what_climbing_finds(name: str) -> None:
    system, random = SYSTEMS[name], np.random.default_rng(4)
    family, found = system.family(10), []
    worth = lambda arm: np.nan_to_num(system.worth(arm.params), nan=-9.0)
    for arm in sorted(anywhere(family, 200, random), key=worth)[-8:]:
        for _ in range(60):
            arm = max([arm, *neighbours(family, arm, random)], key=worth)
        found.append(worth(arm))
    assert system.best - 0.02 < max(found) < system.best + 1e-9
    assert family.size >= 1_000_000


def test_grid_by_hand(table: Table) -> None:
    space = space_peers.grid(table)
    assert space.names == ("x", "y", "mode")
    assert space.levels == ((1, 2, 4, 8, 16, 32), (0, 1, 2, 3, 4, 5), ("a", "b"))
    assert space.numeric.tolist() == [True, True, False]
    for arm in (0, 7, 31):
        assert space_peers.nearest(space, space.places[arm]) == arm


def test_nearest_of_a_hole_is_a_neighbour(table: Table) -> None:
    space = space_peers.grid(table)
    hole = np.array([0, 2, 1])
    assert not (space.places == hole).all(axis=1).any()
    found = space.places[space_peers.nearest(space, hole)]
    assert np.abs(found - hole).sum() == 1


def test_tpe_beats_random_search(table: Table) -> None:
    """Mean over 3 seeds of 40 trials each."""
    pytest.importorskip("optuna")
    lost = {}
    for searcher in (space_peers.tpe, space_peers.random_search):
        chosen = np.stack([searcher(table, 0, 40, seed) for seed in range(3)])
        lost[searcher] = (table.reward[0].max() - table.reward[0, chosen]).mean()
    assert lost[space_peers.tpe] < 0.8 * lost[space_peers.random_search]


class Stubborn:
    """A sampler of Optuna's that always asks for the same point, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, int]] = []

    def infer_relative_search_space(self, study, trial):
        self.told = [one.params for one in study.get_trials(deepcopy=False) if one.value is not None]
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        return HOLE[name]

    def before_trial(self, study, trial):
        pass

    def after_trial(self, study, trial, state, values):
        pass


HOLE = {"x": 0, "y": 2, "mode": 1}


@pytest.mark.parametrize("holes", [False, True])
def test_what_runs_in_place_of_a_hole_is_told_as_itself(table: Table, holes: bool) -> None:
    pytest.importorskip("optuna")
    sampler = Stubborn()
    chosen = space_peers.studied(table, 0, 3, 0, sampler, holes=holes)
    own = dict(zip(("x", "y", "mode"), space_peers.grid(table).places[chosen[0]].tolist(), strict=True))
    assert own != HOLE
    assert sampler.told == 2 * ([HOLE, own] if holes else [own])


@pytest.mark.filterwarnings("ignore")
def test_a_strategy_that_ends_early_keeps_the_best_that_it_found(table: Table) -> None:
    pytest.importorskip("kernel_tuner")
    chosen = kernel_tuner.strategy("minimize", table, 0, 40, 0)
    tried = list(dict.fromkeys(chosen.tolist()))
    assert len(tried) < 40
    assert (chosen[len(tried) :] == max(tried, key=lambda arm: table.reward[0, arm])).all()


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_tunes_as_its_goal_says(table: Table, name: str) -> None:
    chosen = ENGINES[name](table, 0, 20, 0)
    assert chosen.shape == (20,)
    assert table.reward[0, chosen].max() > np.quantile(table.reward[0], 0.9)


def test_the_best_of_random_arms_is_what_drawing_them_gives() -> None:
    values, random = np.sort(np.random.default_rng(0).exponential(size=30)), np.random.default_rng(1)
    drawn = np.array([[random.permutation(values)[:t].min() for t in (1, 4, 30)] for _ in range(4000)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn)) + 1e-9
    expected = methodology.expected_random(values, 30)[[0, 3, 29]]
    assert (np.abs(drawn.mean(axis=0) - expected) < 4 * error).all()


def test_random_search_in_a_full_space_of_which_all_is_known_is_exact() -> None:
    times = np.random.default_rng(0).exponential(size=500) + 0.5
    rank = (times.argsort().argsort() + 1) / 450  # the slowest 50 failed
    known = pd.DataFrame({"time_ms": times, "pct_rank_full": rank})[rank <= 1.0]
    share = np.sort(times)[0] / np.where(np.arange(500) < 450, np.sort(times), np.sort(times)[449])
    random = np.random.default_rng(1)
    drawn = np.array([[random.permutation(share)[:t].max() for t in methodology.AT] for _ in range(2000)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn)) + 1e-9
    assert (np.abs(drawn.mean(axis=0) - full_spaces.found(known, 450, 500)) < 4 * error).all()


def scored(regret: float, best: float = 0.9) -> Scores:
    return Scores(regret, {50: 0.8, 100: 0.85, 200: best}, 120, 0.5, 1.0)


def test_a_searcher_is_summed_up_over_spaces_and_seeds() -> None:
    found = {"a": {"GP": [scored(50.0), scored(150.0)]}, "b": {"GP": [scored(40.0, 0.7), scored(40.0, 0.7)]}}
    made = kernels.summary(found, "GP", 200, {"a": 100.0, "b": 10.0})
    assert (made["regret"], made["worst regret"], made["worst regret at"]) == (pytest.approx(2.0), 4.0, "b")
    assert (made["best 200"], made["worst"], made["worst at"]) == (pytest.approx(0.8), pytest.approx(0.7), "b")
    assert "regret" not in kernels.summary(found, "GP", 200, None)


def test_a_trial_is_one_launch(table: Table) -> None:
    launches = table.reward[:, :, None] + np.array([-0.5, 0.5])
    rng = np.random.default_rng(0)
    seen = {space_peers.measured(table._replace(repeats=launches), 0, 3, rng) - table.reward[0, 3] for _ in range(20)}
    assert {round(one, 6) for one in seen} == {-0.5, 0.5}


@pytest.mark.parametrize(("kind", "size"), [("nothing", 0), ("random trials", 60), ("complete", 60)])
def test_knowledge_is_of_other_machines_only(table: Table, kind: str, size: int) -> None:
    known = searches.knowledge(table, 1, kind, seed=0)
    assert len(known.unit) == size
    assert (known.unit == 0).all()
    np.testing.assert_array_equal(known.reward, table.reward[known.unit, known.arm])


def test_figures_are_geometric_means_and_the_worst_ratio_is_named() -> None:
    regrets = {"a": (40.0, 20.0, 4.0), "b": (10.0, 20.0, 1.0)}
    found = {
        place: {name: [scored(regret)] for name, regret in zip(spaces.SEARCHERS, every, strict=True)}
        for place, every in regrets.items()
    }
    made = spaces.figures(found, {"a": 100.0, "b": 100.0})
    assert [one.value for one in made] == pytest.approx([0.2, 1.0, 0.1, 0.9, 2.0, 1.0])
    assert made[4].what.endswith("b")
    assert [one.met for one in made] == [True, False, True, False, False, True]
