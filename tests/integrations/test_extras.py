"""Without its library a bridge says in one line which extra brings it."""

import subprocess
import sys

import pytest

HIDDEN = """
import sys
sys.modules[{library!r}] = None
try:
    import poolwise.integrations.{module}
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("optuna", "optuna", "optuna"),
        ("kernel_tuner", "kernel_tuner", "kernel-tuner"),
        ("mlflow", "mlflow", "mlflow"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(module, library, extra):
    code = HIDDEN.format(library=library, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"this needs {library}, which is not installed: pip install 'poolwise[{extra}]'\n"
