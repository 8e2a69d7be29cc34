"""Nonlinear arithmetic: index arithmetic, products of rates and times, linkages."""

from random import Random

from poolwise.workloads.z3.script import Goal, Script, either, number, weighted, within


def index_bounds(rng: Random, dimensions: int, valid: bool) -> Goal:
    """Is a flattened index inside of its buffer? From: verification of tensor and matrix code.

    i = ((i0 n1 + i1) n2 + i2) ...; valid: i < n0 n1 n2 ... cannot fail (unsatisfiable). Else one bound is loose.
    """
    script = Script()
    index, size = script.declare("Int", "i", dimensions), script.declare("Int", "n", dimensions)
    loose = None if valid else rng.randrange(dimensions)
    for place, (i, n) in enumerate(zip(index, size, strict=True)):
        script.require(f"(<= 0 {i})", f"({'<=' if place == loose else '<'} {i} {n})", within(1, n, rng.randint(30, 99)))
    flat, total = index[0], size[0]
    for i, n in zip(index[1:], size[1:], strict=True):
        flat, total = f"(+ (* {flat} {n}) {i})", f"(* {total} {n})"
    script.require(f"(>= {flat} {total})")
    return script.goal("unsat" if valid else "sat")


def rate_plan(rng: Random, stages: int, feasible: bool) -> Goal:
    """Rate times duration must deliver volumes within a total time. From: production planning with variable speeds.

    Feasible ones are planted; the others ask for more volume than the fastest rate gives in all of the time.
    """
    script = Script()
    rate, span = script.declare("Int", "r", stages), script.declare("Int", "d", stages)
    rates, spans = [rng.randint(2, 9) for _ in rate], [rng.randint(2, 9) for _ in span]
    script.require(*(within(1, name, 10) for name in rate + span))
    script.require(f"(<= {weighted([1] * stages, span)} {sum(spans)})")
    for stage in range(stages):
        script.require(f"(>= (* {rate[stage]} {span[stage]}) {rates[stage] * spans[stage]})")
        if stage:
            limits = [f"(<= {rate[place]} {rates[place]})" for place in (stage, stage - 1)]
            script.require(either(limits))
    products = weighted([1] * stages, [f"(* {r} {d})" for r, d in zip(rate, span, strict=True)])
    volume = sum(r * s for r, s in zip(rates, spans, strict=True))
    script.require(f"(<= {products} {volume})" if feasible else f"(> {products} {10 * sum(spans)})")
    return script.goal("sat" if feasible else "unsat")


def linkage(rng: Random, joints: int) -> Goal:
    """Can a chain of rods reach a point? From: kinematics, geometry provers. Planted on Pythagorean triples: it can."""
    script = Script()
    x, y = script.declare("Real", "x", joints), script.declare("Real", "y", joints)
    across = up = 0
    script.require(f"(= {x[0]} 0)", f"(= {y[0]} 0)")
    for joint in range(1, joints):
        triple, scale = rng.choice([(3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13)]), rng.randint(1, 9)
        width, height, rod = (scale * side for side in triple)
        across, up = across + width, up + rng.choice([-1, 1]) * height
        steps = [f"(- {axis[joint]} {axis[joint - 1]})" for axis in (x, y)]
        script.require(f"(<= (+ (* {steps[0]} {steps[0]}) (* {steps[1]} {steps[1]})) {rod * rod})")
    script.require(f"(= {x[-1]} {across})", f"({'>=' if up >= 0 else '<='} {y[-1]} {number(up)})")
    return script.goal("sat")
