"""The texts that stores execute are those of the definitions."""

import json
import re
from pathlib import Path

import pytest

import poolwise.store
from poolwise.store.sql import texts
from poolwise.store.sql.statements import statements


def test_texts_are_those_of_the_definitions():
    assert json.loads(texts.FILE.read_text()) == texts.texts(), "run: python -m poolwise.store.sql.texts"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_statement_that_is_named_is_there(dialect):
    sources = Path(poolwise.store.__file__).parent.rglob("*.py")
    used = {name for path in sources for name in re.findall(r"\bsql\.([A-Z]+_?[A-Z_]*)\b(?!\()", path.read_text())}
    assert used
    for name in used:
        assert getattr(statements(dialect), name)


def test_both_dialects_have_the_same_statements():
    assert statements("sqlite").__dict__.keys() == statements("postgresql").__dict__.keys()
