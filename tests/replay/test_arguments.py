"""What is no table, policy, order or seed is refused by every function of a replay, compiled loops never see it."""

import pandas as pd
import pytest

from poolwise import policy, replay
from poolwise.errors import ConfigError, DataError, InputError
from poolwise.table import from_rows

ROWS = [(u, "p", "c", "f", arm, cost) for u in range(3) for arm, cost in (("old", 2.0), ("new", 1.0))]
COLUMNS = ["unit", "project", "context", "family", "arm", "cost"]
TABLE = from_rows(pd.DataFrame(ROWS, columns=COLUMNS), name="t", source="t", baseline="old")
UNIFORM = policy.uniform()


@pytest.mark.parametrize("order", [[3], [-1], [2**62], [0.5], ["a"], [True], [], None, [[0]]])
def test_an_order_names_rows_of_the_table(order):
    with pytest.raises(DataError):
        replay.run(TABLE, order, UNIFORM, 1)
    with pytest.raises(DataError):
        replay.run_poolwise(TABLE, order, 1)


@pytest.mark.parametrize("seed", ["x", -1, 1.5, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ConfigError):
        replay.run(TABLE, [0], UNIFORM, seed)
    with pytest.raises(ConfigError):
        replay.orders(TABLE, "time", [seed])


def test_what_is_no_table_policy_or_settings():
    calls = [
        lambda: replay.run("t", [0], UNIFORM, 1),
        lambda: replay.run(TABLE, [0], "uniform", 1),
        lambda: replay.run(TABLE, [0], UNIFORM, 1, replay.Settings(delay=-7)),
        lambda: replay.run(TABLE, [0], UNIFORM, 1, "x"),
        lambda: replay.run_many(TABLE, [[0], [1]], UNIFORM, [1]),
        lambda: replay.orders(None, "time", [1]),
        lambda: replay.references(5),
        lambda: replay.summary(TABLE, "log"),
        lambda: replay.summary(TABLE, pd.DataFrame({"seed": [1], "row": [9], "earned": [0.0], "explored": [True]})),
        lambda: replay.run_space(TABLE, 9, 1, 1, replay.NOTHING),
        lambda: replay.run_space(TABLE, 0, 1, 1, "known"),
    ]
    for call in calls:
        with pytest.raises(InputError):
            call()
