"""Combinatorial explosion: colourings, Latin squares, assignments, coverings."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, both, call, either, within


def colouring(rng: Random, nodes: int, colours: int, density: float, planted: bool) -> Goal:
    """Colour a conflict graph. From: register allocation, frequency assignment, exam timetables.

    Planted: edges only between the classes of a hidden colouring (satisfiable). Else a clique of colours + 1 nodes
    hides in a random graph (unsatisfiable).
    """
    script, pairs = Script(), [(a, b) for a in range(nodes) for b in range(a)]
    node = script.declare("Int", "c", nodes)
    hidden, place = [rng.randrange(colours) for _ in node], rng.sample(range(nodes), nodes)
    edges = {pair for pair in pairs if rng.random() < density and (not planted or hidden[pair[0]] != hidden[pair[1]])}
    if not planted:
        edges |= {(a, b) for a in range(colours + 1) for b in range(a)}
    script.require(*(within(0, name, colours - 1) for name in node))
    script.require(*(f"(distinct {node[place[a]]} {node[place[b]]})" for a, b in sorted(edges)))
    return script.goal("sat" if planted else "unsat")


def latin_square(rng: Random, order: int, holes: float) -> Goal:
    """Complete a partial Latin square. From: experiment design, quasigroup completion, round-robin leagues."""
    script = Script()
    rows, columns, symbols = (rng.sample(range(order), order) for _ in range(3))
    cells = [script.declare("Int", f"q{row}_", order) for row in range(order)]
    for row in range(order):
        script.require(*(within(0, cell, order - 1) for cell in cells[row]))
        script.require(call("distinct", *cells[row]), call("distinct", *(line[row] for line in cells)))
        for column in range(order):
            if rng.random() >= holes:
                script.require(f"(= {cells[row][column]} {symbols[(rows[row] + columns[column]) % order]})")
    return script.goal("sat")


def assignment(rng: Random, items: int, places: int, allowed: float) -> Goal:
    """Give every item a place of its own among the allowed ones. From: pin assignment, crews to trains.

    items > places: pigeonholes (unsatisfiable); else a planted assignment exists (satisfiable).
    """
    script = Script()
    at = script.declare("Int", "p", items)
    planted = rng.sample(range(places), min(items, places)) + [0] * max(0, items - places)
    for item, home in enumerate(planted):
        choice = sorted({place for place in range(places) if rng.random() < allowed} | {home})
        script.require(either(f"(= {at[item]} {place})" for place in choice))
    script.require(call("distinct", *at))
    return script.goal("unsat" if items > places else "sat")


def covering(rng: Random, tests: int, demands: int, budget: int, feasible: bool) -> Goal:
    """Choose few tests that cover all demands. From: regression-test selection and feature configurations.

    Feasible: a hidden set of `budget` tests covers everything. Else disjoint demands need more than the budget.
    """
    script = Script()
    use = script.declare("Bool", "u", tests)
    hidden = rng.sample(range(tests), budget)
    for demand in range(demands):
        covers = set(rng.sample(range(tests), 4))
        if feasible and not covers & set(hidden):
            covers.add(rng.choice(hidden))
        if not feasible and demand <= budget:
            covers = {t for t in range(tests) if t % (budget + 1) == demand}
        script.require(either(use[t] for t in sorted(covers)))
    script.require(call(f"(_ at-most {budget})", *use))
    for _ in range(tests // 2):
        a, b = rng.sample(range(tests), 2)
        if not (feasible and a in hidden and b in hidden):
            script.require(f"(not {both([use[a], use[b]])})")
    return script.goal("sat" if feasible else "unsat")
