"""Model files of users: what breaks the contract is refused when it is read."""

import re
from pathlib import Path

import pytest

from poolwise.errors import ConfigError
from poolwise.refit.user_models import read_model

EXAMPLE = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "models.md").read_text(), re.S)[0]


@pytest.fixture
def written(tmp_path):
    """A file with the example, changed."""

    def write(old="", new=""):
        assert old in EXAMPLE
        path = tmp_path / "my_model.py"
        path.write_text(EXAMPLE.replace(old, new))
        return path

    return write


def test_the_example_of_the_documentation_keeps_the_contract(written):
    assert read_model(written(), "model").__name__ == "model"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def model(", "def mode(", "did you mean 'mode'"),
        ("family=None, data=None, *, cells=False", "family=None", "cannot be called with"),
        ('"sigma"', '"noise"', "no site 'sigma'"),
        ('"tau_cell"', '"tau"', "no site 'tau_cell'"),
        ("data, cells=cells", "data, cells=False", "no site 'theta'"),
        ("contexts, arms = count.shape", "contexts = count.shape", "does not simulate"),
        ("jnp.log(0.1), 0.5)", "jnp.log(0.1), 0.5).expand([1])", "has shape (1,) where () was due"),
        ("import numpyro\n", "import numpyrr\n", "cannot be read (ModuleNotFoundError"),
        ("jnp.log(0.3), 0.5))", "jnp.log(0.3), 0.5)", "cannot be read (SyntaxError"),
    ],
)
def test_broken_files_are_one_clear_line(written, old, new, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        read_model(written(old, new), "model")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="there is no model file"):
        read_model(tmp_path / "none.py", "model")
    (tmp_path / "model.txt").write_text(EXAMPLE)
    with pytest.raises(ConfigError, match=r"ends in \.py"):
        read_model(tmp_path / "model.txt", "model")
