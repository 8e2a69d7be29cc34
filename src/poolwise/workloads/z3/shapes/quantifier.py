"""Quantifiers: array invariants, orders, models over bounded domains, definitions, class hierarchies."""

from itertools import pairwise
from random import Random

from poolwise.workloads.z3.script import Goal, Script, call, either, number, within


def array_invariant(rng: Random, steps: int) -> Goal:
    """A loop invariant over all indices, kept by each step. From: verification conditions of array programs.

    forall 0 <= i < n: a[i] >= low; each step appends an earlier value, never made smaller; so no element can be below
    low (unsatisfiable).
    """
    script = Script()
    n, low, k = (script.declare("Int", name, 1)[0] for name in ("n", "low", "k"))
    script.function("a0_", ["Int"], "Int")
    script.require(f"(> {n} 0)", f"(forall ((i Int)) (=> (and (<= 0 i) (< i {n})) (>= (a0_ i) {low})))")
    for step in range(1, steps + 1):
        old, new, at = f"a{step - 1}_", script.function(f"a{step}_", ["Int"], "Int"), f"(+ {n} {step - 1})"
        source = rng.choice(["0", f"(- {n} 1)"]) if step == 1 else f"(+ {n} {step - 2})"
        script.require(f"(= ({new} {at}) (+ ({old} {source}) {rng.randint(0, 5)}))")
        script.require(f"(forall ((i Int)) (! (=> (distinct i {at}) (= ({new} i) ({old} i))) :pattern (({new} i))))")
    script.require(f"(<= 0 {k})", f"(< {k} (+ {n} {steps}))", f"(< (a{steps}_ {k}) {low})")
    return script.goal("unsat")


def partial_order(rng: Random, elements: int, extra: int) -> Goal:
    """Facts that follow a hidden order, with its axioms. From: memory models, lock orders, type hierarchies."""
    script = Script()
    node = script.sort("Node")
    script.function("le", [node, node], "Bool")
    names = script.declare(node, "e", elements)
    script.require("(forall ((x Node) (y Node) (z Node)) (=> (and (le x y) (le y z)) (le x z)))")
    script.require("(forall ((x Node) (y Node)) (=> (and (le x y) (le y x)) (= x y)))")
    script.require(call("distinct", *names))
    order = rng.sample(names, elements)
    facts = [f"(le {a} {b})" for a, b in pairwise(order)]
    pairs = [rng.sample(order, 2) for _ in range(extra)]
    facts += [f"(or (le {a} {b}) (le {b} {a}))" for a, b in pairs]
    script.require(*rng.sample(facts, len(facts)))
    return script.goal("sat")


def bounded_model(rng: Random, size: int, points: int) -> Goal:
    """A monotone function over a bounded domain that meets lower bounds. From: routing tables, access policies.

    The identity meets them (satisfiable).
    """
    script = Script()
    script.function("f", ["Int"], "Int")
    script.require(f"(forall ((x Int)) (=> {within(0, 'x', size - 1)} {within(0, '(f x)', size - 1)}))")
    script.require(f"(forall ((x Int)) (=> {within(0, 'x', size - 2)} (<= (f x) (f (+ x 1)))))")
    for point in rng.sample(range(size), points):
        script.require(f"(>= (f {point}) {max(0, point - rng.randint(0, 1))})")
    return script.goal("sat")


def definitions(rng: Random, functions: int) -> Goal:
    """Functions defined by equations over all arguments, each from earlier ones. From: specifications, unfolded.

    The first is never negative, so the last cannot be below the sum of what was added on the way (unsatisfiable).
    """
    script, low = Script(), [0]
    names = [script.function(f"f{place}", ["Int"], "Int") for place in range(functions + 1)]
    script.require("(forall ((x Int)) (! (>= (f0 x) 0) :pattern ((f0 x))))")
    for place in range(1, functions + 1):
        one, two = rng.randrange(max(0, place - 3), place), rng.randrange(place)
        shift, gain = rng.randint(-3, 3), rng.randint(0, 4)
        body = f"(+ ({names[one]} (+ x {number(shift)})) ({names[two]} x) {gain})"
        script.require(f"(forall ((x Int)) (! (= ({names[place]} x) {body}) :pattern (({names[place]} x))))")
        low.append(low[one] + low[two] + gain)
    (k,) = script.declare("Int", "k", 1)
    script.require(f"(< ({names[-1]} {k}) {low[-1]})")
    return script.goal("unsat")


def inheritance(rng: Random, classes: int, methods: int) -> Goal:
    """Costs that overriding may only lower, along a class hierarchy. From: verifiers of object-oriented programs.

    Asks whether a leaf can come near the root's bound: equal costs everywhere show that it can (satisfiable).
    """
    script = Script()
    kind = script.sort("T")
    script.function("sub", [kind, kind], "Bool")
    script.function("cost", [kind, "Int"], "Int")
    names = script.declare(kind, "t", classes)
    script.require(
        "(forall ((x T)) (sub x x))", "(forall ((x T) (y T) (z T)) (=> (and (sub x y) (sub y z)) (sub x z)))"
    )
    script.require("(forall ((x T) (y T) (m Int)) (=> (sub x y) (<= (cost x m) (cost y m))))")
    script.require(*(f"(sub {names[child]} {names[rng.randrange(child)]})" for child in range(1, classes)))
    bounds = [rng.randint(5, 50) for _ in range(methods)]
    script.require(*(f"(<= (cost {names[0]} {method}) {bound})" for method, bound in enumerate(bounds)))
    script.require(either(f"(> (cost {names[-1]} {method}) {bound - 5})" for method, bound in enumerate(bounds)))
    return script.goal("sat")
