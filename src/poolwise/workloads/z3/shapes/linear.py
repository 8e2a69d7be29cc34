"""Linear arithmetic: orders of tasks, flows, path conditions, Diophantine equations."""

from itertools import pairwise
from random import Random

from poolwise.workloads.z3.script import Goal, Script, call, number, weighted, within


def job_shop(rng: Random, jobs: int, machines: int, slack: float) -> Goal:
    """Disjunctive scheduling to a deadline. From: job-shop benchmarks of QF_IDL and factory planning.

    Every job visits the machines in an order of its own; no machine does two things at once. With slack >= 0 the
    deadline is that of a greedy schedule stretched by `slack` (satisfiable); with slack < 0 it lies that share below
    the load of the busiest machine (unsatisfiable).
    """
    script, orders = Script(), [rng.sample(range(machines), machines) for _ in range(jobs)]
    time = [[rng.randint(2, 9) for _ in range(machines)] for _ in range(jobs)]
    start = [script.declare("Int", f"s{job}_", machines) for job in range(jobs)]
    load = max(sum(row[machine] for row in time) for machine in range(machines))
    deadline = int(load * (1 + slack)) if slack < 0 else int(_greedy_makespan(orders, time) * (1 + slack))
    for job, order in enumerate(orders):
        script.require(call(">=", start[job][order[0]], "0"))
        for before, after in pairwise(order):
            script.require(f"(>= (- {start[job][after]} {start[job][before]}) {time[job][before]})")
        script.require(f"(<= {start[job][order[-1]]} {number(deadline - time[job][order[-1]])})")
    for machine in range(machines):
        for one in range(jobs):
            for two in range(one):
                a, b = start[one][machine], start[two][machine]
                script.require(f"(or (>= (- {a} {b}) {time[two][machine]}) (>= (- {b} {a}) {time[one][machine]}))")
    return script.goal("unsat" if slack < 0 else "sat")


def _greedy_makespan(orders: list[list[int]], time: list[list[int]]) -> int:
    free, ready = [0] * len(time[0]), [0] * len(orders)
    for step in range(len(time[0])):
        for job, order in enumerate(orders):
            machine = order[step]
            ready[job] = free[machine] = max(free[machine], ready[job]) + time[job][machine]
    return max(ready)


def timing_closure(rng: Random, cells: int, edges: int) -> Goal:
    """Setup and hold windows along a netlist, with optional buffers. From: static timing closure. Planted: feasible.

    Arrival times obey low <= arrival[v] - arrival[u] <= high, or a buffer shifts the window.
    """
    script = Script()
    arrival, buffer = script.declare("Int", "t", cells), script.declare("Bool", "b", edges)
    planted = sorted(rng.randint(0, 20 * cells) for _ in range(cells))
    pairs = [(cell, cell + 1) for cell in range(cells - 1)]
    pairs += [(min(pair), max(pair)) for pair in (rng.sample(range(cells), 2) for _ in range(edges - len(pairs)))]
    for edge, (u, v) in enumerate(pairs):
        gap, shift, used = planted[v] - planted[u], rng.randint(3, 9), rng.random() < 0.5
        low, high = gap - rng.randint(0, 3) - shift * used, gap + rng.randint(0, 3) - shift * used
        step = f"(- {arrival[v]} {arrival[u]})"
        script.require(f"(ite {buffer[edge]} {within(low + shift, step, high + shift)} {within(low, step, high)})")
    return script.goal("sat")


def path_condition(rng: Random, steps: int, variables: int, valid: bool) -> Goal:
    """Bounded unrolling of a loop whose branches add or subtract. From: symbolic execution of integer code.

    Asks whether a state can leave the interval that each step's bounds allow: it cannot (unsatisfiable). The other
    goals ask for a state that a random run does reach (satisfiable).
    """
    script = Script()
    state = script.declare("Int", "v0_", variables)
    values, reach = [rng.randint(0, 8) for _ in state], 8 * variables
    script.require(*(within(0, name, 8) for name in state))
    for step in range(1, steps + 1):
        fresh = script.declare("Int", f"v{step}_", variables)
        one, two = rng.sample(range(variables), 2)
        up, down, bound = rng.randint(1, 5), rng.randint(1, 5), rng.randint(-4, 4)
        test = f"(> (- {state[one]} {state[two]}) {number(bound)})"
        for place, (new, old) in enumerate(zip(fresh, state, strict=True)):
            changed = f"(ite {test} (+ {old} {up}) (- {old} {down}))"
            script.require(call("=", new, changed if place == two else old))
        values[two] += up if values[one] - values[two] > bound else -down
        reach += max(up, down)
        state = fresh
    total = weighted([1] * variables, state)
    script.require(f"(> {total} {reach})" if valid else f"(= {total} {number(sum(values))})")
    return script.goal("unsat" if valid else "sat")


def diophantine(rng: Random, unknowns: int, equations: int) -> Goal:
    """Equations over bounded integers. From: dependence tests of loop compilers, change-making. Planted: solvable."""
    script, high = Script(), 12
    names = script.declare("Int", "x", unknowns)
    script.require(*(within(0, name, high) for name in names))
    planted = [rng.randint(0, high) for _ in names]
    for _ in range(equations):
        row = [rng.choice([-1, 1]) * rng.randint(1, 15) for _ in names]
        right = sum(a * x for a, x in zip(row, planted, strict=True))
        script.require(f"(= {weighted(row, names)} {number(right)})")
    return script.goal("sat")
