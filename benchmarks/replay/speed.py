"""Decisions per second of a replay by the default policy, updates of the belief and of its scales included.

    python -m benchmarks.replay.speed --json benchmarks/results/replay_speed.json

A made-up table of 10 arms in 3 families, 4 projects and 12 contexts, one seed after another; compilation, which the
first run of a process waits for, apart.
"""

from time import process_time

import numpy as np
import pandas as pd

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.replay import orders, run_poolwise_many
from poolwise.table import Table, from_rows

ARMS, FAMILIES, PROJECTS, CONTEXTS = 10, 3, 4, 12


def made(units: int) -> Table:
    """Log-normal costs whose best arm depends on the context."""
    rng = np.random.default_rng(0)
    unit, arm = (part.ravel() for part in np.indices((units, ARMS)))
    level = rng.normal(scale=0.4, size=(CONTEXTS, ARMS))
    cost = np.exp(level[unit % CONTEXTS, arm] + rng.normal(scale=0.5, size=len(unit)))
    names = {"unit": unit, "project": unit // CONTEXTS % PROJECTS, "context": unit % CONTEXTS}
    frame = pd.DataFrame({**names, "family": arm % FAMILIES, "arm": arm, "cost": cost}).astype(str)
    return from_rows(frame.assign(cost=cost), name="made", source="made", baseline="0")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--units", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=50)
    options = parser.parse_args()
    stay_on_one_core()
    data, seeds = made(options.units), list(range(options.seeds))
    order = orders(data, "shuffled", seeds)
    began = process_time()
    run_poolwise_many(data, order[:1], seeds[:1])
    first, began = process_time() - began, process_time()
    run_poolwise_many(data, order, seeds)
    rate = options.units * options.seeds / (process_time() - began)
    case = {"units": options.units, "seeds": options.seeds}
    found = [
        Figure("replay on 10 arms, one core's time", rate, "/s", 4_000, True),
        Figure("the first run, compilation included", first, "s"),
    ]
    print(table(found))
    save(options.json, {**case, "figures": rows(found)})


if __name__ == "__main__":
    main()
