"""Addresses are understood, or refused without a word of what may be a password."""

import pytest

from poolwise.errors import InputError
from poolwise.store import open_store
from poolwise.store.addresses import beside, without_password

psycopg = pytest.importorskip("psycopg", reason="needs poolwise[postgresql]")

from poolwise.store.postgresql.place import place_of  # noqa: E402

SECRET = "s3cr3t"
BAD = [
    f"postgresql://me:{SECRET}/{SECRET}@db/jobs",
    f"postgresql://me:{SECRET}?{SECRET}@db/jobs",
    f"postgresql://me:{SECRET}#{SECRET}@db/jobs",
    f"postgresql://me:{SECRET}@db:port/jobs",
    f"postgresql://me:{SECRET}@[db/jobs",
    f"postgresql://me:{SECRET}@db/jobs?unknown={SECRET}",
    f"postgresql://me:{SECRET}@db/jobs?workspace=Upper",
    f"postgresql://me:{SECRET}@db/jobs?workspace=pg_own",
    f"postgresql://me:{SECRET}@db/jobs?workspace={'x' * 64}",
    f"postgres://me:{SECRET}@db/jobs",
    f"postgres://me:{SECRET}?{SECRET}@db/jobs",
    f"mysql://me:{SECRET}@db/jobs?password={SECRET}",
]


@pytest.mark.parametrize("url", BAD)
def test_what_cannot_be_read_is_not_repeated(url):
    with pytest.raises(InputError) as raised:
        open_store(url)
    assert SECRET not in str(raised.value)
    assert SECRET not in str(raised.value.__context__ or "") or raised.value.__suppress_context__


def test_a_workspace_is_a_schema_and_the_rest_is_libpqs():
    place = place_of(
        f"postgresql://me:{SECRET}@db:5433/jobs?workspace=mathlib&sslmode=verify-full&sslrootcert=a%20b.pem"
    )
    assert (place.workspace, place.name) == ("mathlib", "postgresql://db:5433/jobs?workspace=mathlib")
    found = psycopg.conninfo.conninfo_to_dict(place.address)
    assert (found["password"], found["sslmode"], found["sslrootcert"]) == (SECRET, "verify-full", "a b.pem")
    assert place_of("postgresql:///jobs").workspace == "poolwise"
    assert place_of("postgresql://db/jobs?host=/tmp/x").name == "postgresql:///tmp/x/jobs?workspace=poolwise"


@pytest.mark.parametrize("url", BAD)
def test_an_address_is_shown_without_its_password(url):
    assert SECRET not in without_password(url)


def test_workspaces_beside_each_other_are_schemas_and_distinct():
    url = f"postgresql://me:{SECRET}@db/jobs?workspace=z3&sslmode=require"
    names = ["algebra", "Algebra", "bit-vector", "bit_vector", "x" * 99, "x" * 98, "ä", "ö"]
    workspaces = {place_of(beside(url, name)).workspace for name in names}
    assert len(workspaces) == len(names)
    assert "z3_algebra" in workspaces
