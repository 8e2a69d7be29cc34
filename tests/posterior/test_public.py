"""The names of the package, loaded when they are used."""

import subprocess
import sys

import numpy as np
import pytest

from poolwise import posterior


def test_statistics_give_hyperparameters_and_marginals():
    stats = posterior.SufficientStatistics.of([0, 0, 1], [0, 1, 0], [0, 1, 1], [0.1, 0.4, 0.2])
    found = posterior.marginals(posterior.fit(stats), stats)
    assert found.mean.shape == stats.count.shape == (2, 2, 2)
    assert np.isfinite(found.scale).all()


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(AttributeError, match="marginals"):
        _ = posterior.marginal


def test_the_package_itself_is_light():
    code = "import sys; from poolwise import posterior; print('scipy' in sys.modules, 'jax' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
