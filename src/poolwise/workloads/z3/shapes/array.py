"""Arrays with functions: stores in two orders, sorting networks, stock tables behind address functions."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, number, weighted, within

MEMORY = "(Array Int Int)"


def store_order(rng: Random, stores: int, valid: bool) -> Goal:
    """Do the same writes in two orders give the same memory? From: instruction reordering (storecomm of QF_AX).

    Valid: all addresses, images of a function, differ (unsatisfiable). Else one pair is not known to differ.
    """
    script = Script()
    script.function("at", ["Int"], "Int")
    (memory,) = script.declare(MEMORY, "m", 1)
    key, value = script.declare("Int", "i", stores), script.declare("Int", "v", stores)
    pairs = [(a, b) for a in range(stores) for b in range(a)]
    if not valid:
        pairs.remove(rng.choice(pairs))
    script.require(*(f"(distinct (at {key[a]}) (at {key[b]}))" for a, b in pairs))
    ends = []
    for turn, order in enumerate((range(stores), rng.sample(range(stores), stores))):
        term = memory
        for step in order:
            (fresh,) = script.declare(MEMORY, f"m{turn}_{step}_", 1)
            script.require(f"(= {fresh} (store {term} (at {key[step]}) {value[step]}))")
            term = fresh
        ends.append(term)
    script.require(f"(distinct {ends[0]} {ends[1]})")
    return script.goal("unsat" if valid else None)


def swap_network(rng: Random, size: int, rounds: int, valid: bool) -> Goal:
    """Swaps of neighbours that are out of order. From: verification of sorting code.

    Valid: after one full pass the last element is at least any other was (unsatisfiable). Else asks for an input whose
    every element ends elsewhere.
    """
    script = Script()
    (memory,) = script.declare(MEMORY, "a", 1)
    script.require(*(within(rng.randint(0, 9), f"(select {memory} {i})", rng.randint(50, 99)) for i in range(size)))
    term = memory
    for step in range(rounds * (size - 1)):
        place = step % (size - 1)
        (fresh,) = script.declare(MEMORY, f"a{step}_", 1)
        low, high = f"(select {term} {place})", f"(select {term} {place + 1})"
        swapped = f"(store (store {term} {place} {high}) {place + 1} {low})"
        script.require(f"(= {fresh} (ite (> {low} {high}) {swapped} {term}))")
        term = fresh
    if valid:
        script.require(f"(< (select {term} {size - 1}) (select {memory} {rng.randrange(size)}))")
    else:
        script.require(*(f"(distinct (select {memory} {i}) (select {term} {i}))" for i in range(size - 1)))
    return script.goal("unsat" if valid else None)


def stock_table(rng: Random, tasks: int, shelves: int, share: float) -> Goal:
    """Stock levels in a table indexed by a choice function. From: inventory, batch planning, register banks.

    Tasks take a chosen amount from a chosen shelf that never falls below zero; together they need a share of all stock.
    A share above 1 cannot be had (unsatisfiable).
    """
    script = Script()
    for name in ("need", "where"):
        script.function(name, ["Int"], "Int")
    (term,) = script.declare(MEMORY, "s", 1)
    stock = [rng.randint(10, 20) for _ in range(shelves)]
    script.require(*(f"(= (select {term} {shelf}) {amount})" for shelf, amount in enumerate(stock)))
    for task in range(tasks):
        shelf, most = f"(where {task})", rng.randint(7, 9)
        script.require(within(0, shelf, shelves - 1), within(1, f"(need {task})", most))
        (fresh,) = script.declare(MEMORY, f"s{task}_", 1)
        script.require(f"(= {fresh} (store {term} {shelf} (- (select {term} {shelf}) (need {task}))))")
        script.require(f"(>= (select {fresh} {shelf}) 0)")
        term = fresh
    used = weighted([1] * tasks, [f"(need {task})" for task in range(tasks)])
    script.require(f"(> {used} {number(int(share * sum(stock)))})")
    return script.goal("unsat" if share >= 1 else None)
