"""The arm space of Z3: tactic pipelines and solver set-ups with their parameters, and how each is built.

The families are data, `recipe` turns an arm into what the worker builds. Only arms that differ in effect are listed:
`som`, `qi.eager_threshold` or the number of bits of `lia2pb`, for example, change nothing and are left out.
`auto_config` is switched off wherever a parameter would otherwise be overridden by it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poolwise.errors import SpaceError
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice, Integer

Params = Mapping[str, Any]
Step = tuple[str, dict[str, Any]]

SIMPLIFY: list[Step] = [("simplify", {}), ("propagate-values", {}), ("solve-eqs", {})]


class Recipe(NamedTuple):
    """What the worker builds: a pipeline of tactics, or else one of Z3's two solvers, with solver parameters."""

    tactics: list[Step]
    params: dict[str, Any]
    combined: bool = False
    """True: Z3's default solver, which looks at the goal and picks a strategy; False: the plain SMT core."""


SWITCH = Choice([False, True])

FAMILIES = (
    Family("default"),
    Family("smt", {"relevancy": Choice([0, 2]), "simplex": Choice(["new", "old"]), "delay_units": SWITCH}),
    Family(
        "search",
        {"phase": Choice(["caching", "false", "true"]), "restart": Choice(["luby", "geometric"])},
    ),
    Family(
        "preprocess",
        {"step": Choice(["none", "context", "symmetry", "ite", "cnf"]), "relevancy": Choice([0, 2])},
    ),
    Family("difference", {"graph": Choice(["sparse", "dense"]), "preprocess": SWITCH}),
    Family(
        "nonlinear",
        {"grobner": SWITCH, "branching": SWITCH, "relevancy": Choice([0, 2])},
        forbidden=[{"grobner": True, "branching": True}],
    ),
    Family("nlsat", {"preprocess": SWITCH}),
    Family("bit_blast", {"restart": Choice(["ema", "luby", "geometric"]), "phase": Choice(["caching", "false"])}),
    Family("bounded", {"bits": Integer(3, 6)}),
    Family("finite_domain", {"encoding": Choice(["default", "cardinality"])}),
    Family("sat_smt", {"preprocess": SWITCH}),
    Family(
        "quantifier",
        {"mbqi": SWITCH, "macros": SWITCH, "ematching": SWITCH},
        forbidden=[{"mbqi": False, "ematching": False}, {"mbqi": True, "macros": False, "ematching": True}],
    ),
    Family("logic", {"name": Choice(["qfauflia", "qflia", "qfnia", "qfbv", "uflra", "lira", "ufbv", "qsat"])}),
)


def space() -> ArmSpace:
    """All arms; the baseline is what Z3 does by default."""
    return ArmSpace(FAMILIES, baseline="default")


def recipe(family: str, params: Params) -> Recipe:
    """How an arm is built. Raises SpaceError for a family that Z3's space does not have."""
    if family not in RECIPES:
        raise SpaceError(f"Z3 has no family {family!r}: choose one of {sorted(RECIPES)}")
    return RECIPES[family](params)


def _core(**params: Any) -> dict[str, Any]:
    """Parameters of the SMT core; two underscores stand for the point in Z3's names."""
    return {"auto_config": False, **{name.replace("__", "."): value for name, value in params.items()}}


def _smt(p: Params) -> Recipe:
    simplex = {"new": 6, "old": 2}[p["simplex"]]
    return Recipe([], _core(relevancy=p["relevancy"], arith__solver=simplex, delay_units=p["delay_units"]))


def _search(p: Params) -> Recipe:
    phase = {"caching": 3, "false": 0, "true": 1}[p["phase"]]
    return Recipe([], _core(phase_selection=phase, restart_strategy={"luby": 2, "geometric": 0}[p["restart"]]))


def _preprocess(p: Params) -> Recipe:
    steps: dict[str, list[Step]] = {
        "none": SIMPLIFY,
        "context": [("simplify", {}), ("ctx-simplify", {})],
        "symmetry": [("symmetry-reduce", {})],
        "ite": [*SIMPLIFY, ("elim-term-ite", {})],
        "cnf": [*SIMPLIFY, ("tseitin-cnf", {})],
    }
    return Recipe([*steps[p["step"]], ("smt", _core(relevancy=p["relevancy"]))], {})


def _difference(p: Params) -> Recipe:
    options = _core(arith__solver={"sparse": 1, "dense": 3}[p["graph"]])
    return Recipe([*SIMPLIFY, ("smt", options)], {}) if p["preprocess"] else Recipe([], options)


def _nonlinear(p: Params) -> Recipe:
    options = _core(arith__nl__grobner=p["grobner"], arith__nl__branching=p["branching"])
    return Recipe([], options | {"relevancy": p["relevancy"]})


def _nlsat(p: Params) -> Recipe:
    before = SIMPLIFY if p["preprocess"] else []
    return Recipe([*before, ("purify-arith", {}), ("nlsat", {})], {})


def _bit_blast(p: Params) -> Recipe:
    search = {"restart": p["restart"], "phase": {"caching": "caching", "false": "always_false"}[p["phase"]]}
    return Recipe([*SIMPLIFY, ("card2bv", {}), ("bit-blast", {}), ("sat", search)], {})


def _bounded(p: Params) -> Recipe:
    blast: list[Step] = [("nla2bv", {"nla2bv_max_bv_size": p["bits"]}), ("bit-blast", {}), ("sat", {})]
    return Recipe([*SIMPLIFY, *blast], {})


def _finite_domain(p: Params) -> Recipe:
    if p["encoding"] == "default":
        return Recipe([("qffd", {})], {})
    return Recipe([*SIMPLIFY, ("lia2card", {}), ("pb2bv", {}), ("bit-blast", {}), ("sat", {})], {})


def _sat_smt(p: Params) -> Recipe:
    before = SIMPLIFY if p["preprocess"] else SIMPLIFY[:1]
    return Recipe([*before, ("sat", {"smt": True})], {})


def _quantifier(p: Params) -> Recipe:
    return Recipe([], _core(mbqi=p["mbqi"], macro_finder=p["macros"], ematching=p["ematching"]))


RECIPES: dict[str, Callable[[Params], Recipe]] = {
    "default": lambda p: Recipe([], {}, combined=True),
    "smt": _smt,
    "search": _search,
    "preprocess": _preprocess,
    "difference": _difference,
    "nonlinear": _nonlinear,
    "nlsat": _nlsat,
    "bit_blast": _bit_blast,
    "bounded": _bounded,
    "finite_domain": _finite_domain,
    "sat_smt": _sat_smt,
    "quantifier": _quantifier,
    "logic": lambda p: Recipe([(p["name"], {})], {}),
}
