"""Learning to explore: the gradient points downhill, training resumes exactly, and promotion is honest."""

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.errors import DataError
from poolwise.meta import exploration, held_out, learning, losses
from poolwise.meta.losses import Task
from poolwise.meta.systems import sample
from poolwise.simulate import Shape

TASK = Task(policies.thompson(1.5), Shape(2, 15, 2, 3), seed=3, batch=128)


@pytest.fixture(scope="module")
def trained():
    return list(learning.learn(TASK, 12))


def test_too_much_exploration_is_unlearned(trained):
    first = exploration.start(TASK.policy.params, np.zeros((4, 8)))
    assert first.bias[0] > trained[0].model.bias[0] > trained[-1].model.bias[0]


def test_what_gains_on_held_out_systems_is_promoted(trained):
    card = held_out.evaluate(TASK, trained[-1].model, batches=4)
    assert card["promoted"]
    assert 0 < card["held_out"]["gain_low"] < card["held_out"]["gain"]
    assert set(card["held_out"]["by_stress"]) == {
        "ordinary", "drift", "outlier projects", "few contexts", "misjudged scales",
    }  # fmt: skip


def test_what_changes_nothing_is_not_promoted(trained):
    same = trained[0].model
    same = same._replace(bias=exploration.start(TASK.policy.params, np.zeros((4, 8))).bias, weights=0 * same.weights)
    card = held_out.evaluate(TASK, same, batches=2)
    assert not card["promoted"]
    assert card["held_out"]["gain"] == pytest.approx(0.0, abs=1e-4)


def test_training_goes_on_where_it_stopped(trained, tmp_path):
    path = tmp_path / "checkpoint.json"
    list(learning.learn(TASK, 5, path))
    resumed = list(learning.learn(TASK, 8, path))
    assert [progress.step for progress in resumed] == [6, 7, 8]
    np.testing.assert_allclose(resumed[-1].model.weights, trained[7].model.weights, rtol=1e-5)


def test_a_checkpoint_of_another_task_is_refused(tmp_path):
    path = tmp_path / "checkpoint.json"
    list(learning.learn(TASK, 1, path))
    with pytest.raises(DataError, match="another task"):
        list(learning.learn(TASK._replace(seed=4), 1, path))
    path.write_text("{")
    with pytest.raises(DataError, match="no checkpoint"):
        list(learning.learn(TASK, 1, path))


def test_systems_have_their_own_luck_however_they_are_cut(monkeypatch):
    systems = sample(np.random.default_rng(0), 6, None, TASK.shape)
    constants = np.full((6, 1), 1.2)
    whole = losses.losses(TASK, systems, constants, ("temperature",), 5)
    monkeypatch.setattr(losses, "PART", 4)
    for part, expected in zip(losses.losses(TASK, systems, constants, ("temperature",), 5), whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-4)
