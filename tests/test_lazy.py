"""What is loaded when it is first used."""

import subprocess
import sys

import pytest

import poolwise
from poolwise.lazy import Lazy, import_beside, members


def test_a_module_is_loaded_with_its_first_attribute():
    code = (
        "import sys; from poolwise.lazy import Lazy; m = Lazy('colorsys'); before = 'colorsys' in sys.modules;"
        "print(before, m.rgb_to_hsv(0, 0, 0), 'colorsys' in sys.modules, hasattr(m, '__wrapped__'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False (0.0, 0.0, 0) True False\n"


def test_what_is_not_there_is_said():
    with pytest.raises(AttributeError, match="no_such"):
        _ = Lazy("colorsys").no_such
    find, names = members("poolwise", {"Engine": "engine"})
    assert (find("Engine"), names) == (poolwise.Engine, ["Engine"])
    with pytest.raises(AttributeError, match="poolwise has no 'Engin': it has Engine"):
        find("Engin")


def test_what_a_thread_imports_has_what_others_ask_it_for_from_the_first(tmp_path, monkeypatch):
    """As SciPy asks JAX for its arrays, any array given, once it is in `sys.modules`."""
    (tmp_path / "halfway.py").write_text("import sys\nseen = sys.modules[__name__].Array\nArray = int\n")
    monkeypatch.syspath_prepend(tmp_path)
    before, stand_in = list(sys.meta_path), type("Array", (), {})
    module = import_beside("halfway", {"halfway": {"Array": stand_in}})
    assert (module.seen, module.Array, module.__spec__.origin) == (stand_in, int, str(tmp_path / "halfway.py"))
    assert sys.meta_path == before
