"""Rows with features: bounded, discounted with everything else, and taken up again."""

import numpy as np
import pytest

from poolwise.posterior.features import rows as module
from poolwise.posterior.features.rows import RowMemory
from poolwise.posterior.likelihoods.censored import Site


def filled(number, features=2):
    memory = RowMemory(features)
    for i in range(number):
        memory.append(np.full(features, float(i)), (i % 2, i % 3, i % 4), 0.1 * i, 1.0, np.nan)
    return memory


def test_without_features_nothing_is_kept():
    memory = RowMemory(0)
    memory.append(None, (0, 0, 0), 1.0, 1.0, np.nan)
    assert memory.rows() is None
    assert memory.saved() == {}


def test_the_last_are_kept_and_a_uniform_sample_of_the_rest(monkeypatch):
    monkeypatch.setattr(module, "RECENT", 100)
    monkeypatch.setattr(module, "EARLIER", 50)
    memory = filled(1_000)
    kept = memory.rows().raw[:, 0]
    assert len(kept) <= 200
    assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(kept[-100:], np.arange(900.0, 1_000.0))
    early = kept[kept < 800]
    assert abs(early.mean() - 400) < 4 * 800 / np.sqrt(12 * len(early))


def test_rows_are_discounted_with_their_cell():
    memory = filled(12)
    memory.discount(0.5)
    memory.discount_cell(0, 0, np.array([0.0, 1.0, 1.0, 1.0]))
    found = memory.rows()
    gone = (found.project == 0) & (found.context == 0) & (found.arm == 0)
    assert gone.any()
    assert (found.weight[gone] == 0).all()
    assert (found.weight[~gone] == 0.5).all()


def test_what_was_cut_off_counts_as_its_factor_says():
    memory = RowMemory(1)
    for bound in (3.0, 3.0, np.nan):
        memory.append(np.zeros(1), (0, 0, 0), 1.0, 0.2, bound)
    memory.judge({(0, 0, 0, 3): Site(2.0, 0.8, -0.5)})
    assert memory.rows().weight.tolist() == pytest.approx([0.4, 0.4, 0.2])
    assert memory.rows().utility.tolist() == [-0.5, -0.5, 1.0]


def test_it_goes_on_from_what_was_saved_and_features_declared_since_are_missing():
    memory, wider = filled(30), RowMemory(3)
    wider.resume(memory.saved())
    assert np.isnan(wider.rows().raw[:, 2]).all()
    np.testing.assert_array_equal(wider.rows().raw[:, :2], memory.rows().raw)
    with pytest.raises(KeyError):
        RowMemory(1).resume({})
