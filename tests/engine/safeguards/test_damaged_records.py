"""A damaged record is left out and named, whatever is in it."""

import json
import sqlite3
import zlib

import pytest

from poolwise.engine import Engine
from tests.engine.limited import live
from tests.engine.test_undo import PLAIN, SPACE, lived, opened

DAMAGE = ["", "{", "null", "[]", "{}", '{"order": 5}', '{"families": 5, "baseline": []}', b"\x00\xff", 7,
          zlib.compress(b"\xff\xfe"), '{"pack": {"format": "poolwise prior pack", "schema": 1}}',
          json.dumps({"status": "serving", "outcomes": 5, "hyper": {"gaussian": {}}, "diagnostics": {}, "method": "",
                      "reason": ""}),
          '{"status": "serving", "outcomes": "x"}', "[" * 100_000]  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A store with a record of every kind."""
    path = tmp_path_factory.mktemp("full") / "full.db"
    engine = opened(f"sqlite:///{path}")
    lived(engine, 60, poison=())
    pack = engine.priors.exported("own", minimum=1)
    engine.priors.adopt([pack])
    engine.priors.exported_privately("private", minimum=1, seed=1)
    engine.control("ban", "odd")
    engine.store.append_record("measurement", {"decision": 1, "wall": 1.0, "baseline_wall": 1.0, "detail": ""})
    engine.store.append_record("run", {"seed": 1})
    engine.close()
    return path


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda body: str(body)[:30] or "empty")
@pytest.mark.parametrize("kind", ["space", "prior", "control", "snapshot", "store", "export", "measurement", "run"])
def test_no_single_record_keeps_a_store_from_opening(full, tmp_path, kind, damage):
    path = tmp_path / "damaged.db"
    path.write_bytes(full.read_bytes())
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER record_no_update")
    last = "SELECT max(id) FROM record WHERE kind = ?"
    db.execute(f"UPDATE record SET body = ? WHERE id = ({last})", (damage, kind))
    db.commit()
    db.close()
    with Engine.open(f"sqlite:///{path}", SPACE, settings=PLAIN) as engine:
        conforms = kind == "run" and isinstance(damage, str) and damage[:1] == "{" and len(damage) > 2
        assert [text.startswith(kind) for text in engine.status().get("quarantined", [])] == [True] * (not conforms)
        live(engine, 12, project="a")
        assert engine.refit().status
        assert len(engine.beliefs())
        assert engine.overview()
        assert json.dumps(engine.status())
