"""What projects and stores have from each other: packs, comparisons, learned exploration."""

import json

import pytest


def test_a_pack_goes_out_is_looked_at_and_comes_into_another_store(finished, place):
    status, out, _ = finished("prior", "export", "toy.json", "--minimum", 2)
    assert status == 0
    assert "what 2 projects share about 5 arms in 2 contexts" in out
    body = json.loads(finished("prior", "inspect", "toy.json", "--json")[1])
    assert body["name"] == "toy"
    assert {row["context"] for row in body["expected"]} == {"big", "small"}
    assert "What a new project would expect" in finished("prior", "inspect", "toy.json")[1]
    (place / "new.toml").write_text(
        '[run]\nstore = "sqlite:///new.db"\n[space]\nbaseline = "default"\n'
        "[space.families.default]\n[space.families.fast]\n[space.families.other]\n"
    )
    out = finished("prior", "import", "toy.json", "--config", "new.toml")[1]
    assert "2 arms by name" in out
    assert "not used, arms: slow, odd(level=1), odd(level=2)" in out
    ask = ("decide", "--project", "p", "--context", "big", "--config", "new.toml", "--json")
    made = next(one for one in (json.loads(finished(*ask)[1]) for _ in range(9)) if one["arm"] == "fast")
    told = finished("explain", made["id"], "--config", "new.toml")[1]
    assert "The pack toy" in told


def test_a_private_pack_says_what_it_promises(finished):
    out = finished("prior", "export", "p.json", "--minimum", 1, "--private")[1]
    assert "(1.99, 1e-05)-differentially private" in out
    out = finished("prior", "export", "p.json", "--minimum", 1, "--private")[1]
    assert "with earlier packs of the same store (2.94, 1e-05)" in out


def test_projects_and_in_what_they_differ(finished):
    status, out, _ = finished("projects")
    assert status == 0
    assert "nearest" in out
    body = json.loads(finished("projects", "--project", "late", "--json")[1])
    assert [row["project"] for row in body["projects"]] == ["early", "late"]
    assert sum(row["gave"] for row in body["projects"]) == pytest.approx(1)
    assert {row["project"] for row in body["differences"]} <= {"late"}


def test_similar_projects_and_what_they_recommend(finished):
    out = finished("similar", "late")[1]
    assert "Projects like late" in out
    assert "What they would recommend" in out
    body = json.loads(finished("similar", "late", "--json")[1])
    assert [row["project"] for row in body["neighbours"]] == ["early"]
    assert {row["context"] for row in body["recommended"]} == {"big", "small"}


@pytest.mark.slow  # One compilation of the simulator.
def test_learn_writes_a_card_and_says_whether_it_may_serve(finished, place):
    assert "1 histories to learn from" in finished("learn")[2]
    small = ("--simulated", 2, "--seeds", 3, "--out", "card.json")
    status, out, errors = finished("learn", *small, "--json")
    body = json.loads(out)
    assert status == (0 if body["promoted"] else 1), errors
    assert json.loads((place / "card.json").read_text())["text"] == body["text"]
