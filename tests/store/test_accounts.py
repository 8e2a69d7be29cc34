"""Keys and the audit log."""

import sqlite3

import pytest

from poolwise.errors import InputError, StoreError
from poolwise.store.accounts import Accounts


def test_secrets_are_not_kept(tmp_path):
    accounts = Accounts(f"sqlite:///{tmp_path / 'service.db'}")
    key, text = accounts.add("farm", "decide", "prover", project="p")
    accounts.close()
    secret = text.rpartition(f"pw_{key.id}_")[2]
    assert len(secret) > 40
    assert secret.encode() not in (tmp_path / "service.db").read_bytes()
    again = Accounts(f"sqlite:///{tmp_path / 'service.db'}")
    assert again.every() == [key]
    assert again.every()[0].opens(secret, 0.0)


def test_the_audit_log_can_only_grow(tmp_path):
    accounts = Accounts(f"sqlite:///{tmp_path / 'service.db'}")
    accounts.append("k", "prover", "order", {"order": "stop"})
    for change in ("UPDATE service_audit SET action = 'x'", "DELETE FROM service_audit"):
        with sqlite3.connect(tmp_path / "service.db") as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(change)
    assert [one.action for one in accounts.audit()] == ["order"]


def test_pages_of_the_audit_log():
    accounts = Accounts("memory://")
    for number in range(7):
        accounts.append("k", "ab"[number % 2], "order", {"number": number})
    page = accounts.audit("a", limit=2)
    assert [one.detail["number"] for one in page] == [6, 4]
    assert [one.detail["number"] for one in accounts.audit("a", before=page[-1].sequence)] == [2, 0]


def test_what_cannot_be_a_key():
    accounts = Accounts("memory://")
    for wrong in ({"role": "king"}, {"role": "decide", "project": "p"}, {"role": "decide", "workspace": ""}):
        with pytest.raises(InputError):
            accounts.add("name", **wrong)
    with pytest.raises(InputError, match="no key"):
        accounts.revoke("none")
    with pytest.raises(InputError, match="no known kind"):
        Accounts("oracle://x")


def test_a_place_that_cannot_be_used(tmp_path):
    (tmp_path / "file.db").write_text("not a database, but long enough to be taken for one")
    with pytest.raises(StoreError, match="check its place"):
        Accounts(f"sqlite:///{tmp_path / 'file.db'}")


def test_on_a_server(server, workspace):
    for number in range(2):
        accounts = Accounts(workspace)
        key, text = accounts.add("farm", "decide", "prover", project="p")
        assert accounts.every()[number] == key
        assert key.opens(text.rpartition(f"pw_{key.id}_")[2], 0.0)
        accounts.revoke(key.id)
        assert accounts.every()[number].revoked
        accounts.close()
    schema = workspace.partition("workspace=")[2]
    for change in ("UPDATE {}.service_audit SET action = 'x'", "DELETE FROM {}.service_audit"):
        with pytest.raises(Exception, match="append-only"):
            server.execute(change.format(schema))
    accounts = Accounts(workspace)
    assert [one.action for one in accounts.audit()] == ["key revoked", "key created"] * 2
    accounts.close()


def test_a_server_that_is_not_there():
    with pytest.raises(StoreError) as raised:
        Accounts("postgresql://me:s3cr3t@127.0.0.1:1/x")
    assert "s3cr3t" not in str(raised.value)
