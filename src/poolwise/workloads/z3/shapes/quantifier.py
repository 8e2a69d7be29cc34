"""Quantifiers: array invariants, orders, algebraic laws, models over bounded domains."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, call, number, within


def array_invariant(rng: Random, steps: int, valid: bool) -> Goal:
    """A loop invariant over all indices, kept by each step. From: verification conditions of array programs.

    forall i < n: a[i] >= low, then `steps` writes of values >= low extend the range; valid: some a[k] below low cannot
    be (unsatisfiable). Else one written value may be smaller.
    """
    script = Script()
    script.function("a0_", ["Int"], "Int")
    n, low, k = "n", "low", "k"
    for name in (n, low, k):
        script.function(name, [], "Int")
    script.require(f"(forall ((i Int)) (=> (and (<= 0 i) (< i {n})) (>= (a0_ i) {low})))", f"(> {n} 0)")
    broken = None if valid else rng.randrange(steps)
    for step in range(1, steps + 1):
        old, new = f"a{step - 1}_", script.function(f"a{step}_", ["Int"], "Int")
        gain = rng.randint(0, 5) if step - 1 != broken else -1
        source = f"({old} {rng.choice(['0', f'(- {n} 1)'])})" if step == 1 else f"({old} (+ {n} {step - 2}))"
        at = f"(+ {n} {step - 1})"
        script.require(f"(= ({new} {at}) (+ {source} {number(gain)}))")
        script.require(f"(forall ((i Int)) (! (=> (distinct i {at}) (= ({new} i) ({old} i))) :pattern (({new} i))))")
    script.require(f"(<= 0 {k})", f"(< {k} (+ {n} {steps}))", f"(< (a{steps}_ {k}) {low})")
    return script.goal("unsat" if valid else None)


def partial_order(rng: Random, elements: int, extra: int, cyclic: bool) -> Goal:
    """Facts about an order with transitivity and antisymmetry. From: memory models, lock orders, type hierarchies.

    Cyclic: a chain of facts closes with its ends known to differ (unsatisfiable). Else the facts follow a hidden order.
    """
    script = Script()
    node = script.sort("Node")
    script.function("le", [node, node], "Bool")
    names = script.declare(node, "e", elements)
    script.require("(forall ((x Node) (y Node) (z Node)) (=> (and (le x y) (le y z)) (le x z)))")
    script.require("(forall ((x Node) (y Node)) (=> (and (le x y) (le y x)) (= x y)))")
    script.require(call("distinct", *names))
    order = rng.sample(names, elements)
    facts = [f"(le {a} {b})" for a, b in zip(order, order[1:], strict=False)]
    for _ in range(extra):
        a, b = sorted(rng.sample(range(elements), 2))
        facts.append(f"(or (le {order[a]} {order[b]}) (le {order[b]} {order[a]}))")
    if cyclic:
        facts.append(f"(le {order[-1]} {order[rng.randrange(elements // 2)]})")
    script.require(*rng.sample(facts, len(facts)))
    return script.goal("unsat" if cyclic else "sat")


def bounded_model(rng: Random, size: int, points: int, feasible: bool) -> Goal:
    """A monotone function over a bounded domain. From: routing tables, access policies, controllers.

    Feasible: lower bounds at some points, which the identity meets. Else f must also be undone by another function,
    which leaves only the identity, and its last value is forbidden.
    """
    script = Script()
    for name in ("f", "g"):
        script.function(name, ["Int"], "Int")
    inside = within(0, "x", size - 1)
    script.require(f"(forall ((x Int)) (=> {inside} {within(0, '(f x)', size - 1)}))")
    script.require(f"(forall ((x Int)) (=> {within(0, 'x', size - 2)} (<= (f x) (f (+ x 1)))))")
    for point in rng.sample(range(size), points):
        script.require(f"(>= (f {point}) {max(0, point - rng.randint(0, 1))})")
    if not feasible:
        script.require(f"(forall ((x Int)) (=> {inside} (= (g (f x)) x)))", f"(< (f {size - 1}) {size - 1})")
    return script.goal("sat" if feasible else "unsat")


def definitions(rng: Random, functions: int, valid: bool) -> Goal:
    """Functions defined by equations over all arguments, each from earlier ones. From: specifications, unfolded.

    Valid: the last one, a sum of shifted earlier ones, cannot leave its computed bound (unsatisfiable).
    """
    script = Script()
    names = [script.function(f"f{number_}", ["Int"], "Int") for number_ in range(functions + 1)]
    low = [0]
    script.require("(forall ((x Int)) (! (>= (f0 x) 0) :pattern ((f0 x))))")
    for place in range(1, functions + 1):
        one, two = rng.randrange(max(0, place - 3), place), rng.randrange(place)
        shift, gain = rng.randint(-3, 3), rng.randint(0, 4)
        body = f"(+ ({names[one]} (+ x {number(shift)})) ({names[two]} x) {gain})"
        script.require(f"(forall ((x Int)) (! (= ({names[place]} x) {body}) :pattern (({names[place]} x))))")
        low.append(low[one] + low[two] + gain)
    (k,) = script.declare("Int", "k", 1)
    script.require(f"(< ({names[-1]} {k}) {low[-1] + (0 if valid else 1)})")
    return script.goal("unsat" if valid else None)


def inheritance(rng: Random, classes: int, methods: int, valid: bool) -> Goal:
    """Subtyping and override rules over an uninterpreted hierarchy. From: verifiers of object-oriented programs."""
    script = Script()
    kind = script.sort("T")
    script.function("sub", [kind, kind], "Bool")
    script.function("cost", [kind, "Int"], "Int")
    names = script.declare(kind, "t", classes)
    script.require(
        "(forall ((x T)) (sub x x))", "(forall ((x T) (y T) (z T)) (=> (and (sub x y) (sub y z)) (sub x z)))"
    )
    script.require("(forall ((x T) (y T) (m Int)) (=> (sub x y) (<= (cost x m) (cost y m))))")
    parent = [rng.randrange(max(1, i)) for i in range(classes)]
    script.require(*(f"(sub {names[i]} {names[parent[i]]})" for i in range(1, classes)))
    bounds = [rng.randint(5, 50) for _ in range(methods)]
    script.require(*(f"(<= (cost {names[0]} {m}) {bounds[m]})" for m in range(methods)))
    leaf = classes - 1
    wrong = [f"(> (cost {names[leaf]} {m}) {bounds[m] if valid else bounds[m] - 5})" for m in range(methods)]
    script.require(call("or", *wrong, "false"))
    return script.goal("unsat" if valid else None)
