"""Combinatorial explosion: colourings, Latin squares, assignments, coverings."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, both, call, either, within


def colouring(rng: Random, nodes: int, colours: int, density: float, encoding: str, planted: bool) -> Goal:
    """Colour a conflict graph. From: register allocation, frequency assignment, exam timetables.

    Planted: edges only between the colour classes of a hidden colouring (satisfiable). Else a clique of colours + 1
    nodes hides in a random graph (unsatisfiable).
    """
    script = Script()
    hidden = [rng.randrange(colours) for _ in range(nodes)]
    names = rng.sample(range(nodes), nodes)
    edges = {
        (a, b)
        for a in range(nodes)
        for b in range(a)
        if rng.random() < density and (not planted or hidden[a] != hidden[b])
    }
    if not planted:
        edges |= {(a, b) for a in range(colours + 1) for b in range(a)}
    edges_named = sorted((names[a], names[b]) for a, b in edges)
    if encoding == "int":
        node = script.declare("Int", "c", nodes)
        script.require(*(within(0, name, colours - 1) for name in node))
        script.require(*(f"(distinct {node[a]} {node[b]})" for a, b in edges_named))
    else:
        node_colour = [script.declare("Bool", f"c{n}_", colours) for n in range(nodes)]
        script.require(*(either(row) for row in node_colour))
        for a, b in edges_named:
            script.require(*(f"(or (not {x}) (not {y}))" for x, y in zip(node_colour[a], node_colour[b], strict=True)))
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


def assignment(rng: Random, items: int, places: int, allowed: float, encoding: str) -> Goal:
    """Give every item a place of its own among the allowed ones. From: pin assignment, crews to trains.

    items > places hides a pigeonhole (unsatisfiable); else a planted assignment exists (satisfiable).
    """
    script = Script()
    planted = rng.sample(range(places), min(items, places)) + [0] * max(0, items - places)
    choice = [sorted({p for p in range(places) if rng.random() < allowed} | {planted[item]}) for item in range(items)]
    if encoding == "int":
        at = script.declare("Int", "p", items)
        script.require(*(either(f"(= {at[item]} {p})" for p in choice[item]) for item in range(items)))
        script.require(call("distinct", *at))
    else:
        at_place = [script.declare("Bool", f"p{item}_", places) for item in range(items)]
        script.require(*(either(at_place[item][p] for p in choice[item]) for item in range(items)))
        for place in range(places):
            column = [at_place[item][place] for item in range(items) if place in choice[item]]
            if len(column) > 1:
                script.require(call("(_ at-most 1)", *column))
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
