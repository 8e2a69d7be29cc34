"""The arm space of Z3: tactic pipelines and solver set-ups with their parameters, and how each is built.

The families are data, `recipe` turns an arm into what the worker builds. Only arms that differ in effect are listed:
`som`, `qi.eager_threshold` or the number of bits of `lia2pb`, for example, change nothing and are left out.
`auto_config` is switched off wherever a parameter would otherwise be overridden by it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poolwise.errors import SpaceError
from poolwise.parameters import Choice, Integer
from poolwise.space import ArmSpace, Family

Params = Mapping[str, Any]
Step = tuple[str, dict[str, Any]]

SIMPLIFY: list[Step] = [("simplify", {}), ("propagate-values", {}), ("solve-eqs", {})]


class Recipe(NamedTuple):
    """What the worker builds: a pipeline of tactics, or else one of Z3's two solvers, with solver parameters."""

    tactics: list[Step]
    params: dict[str, Any]
    combined: bool = False
    """True: Z3's default solver, which looks at the goal and picks a strategy; False: the plain SMT core."""


FAMILIES = (
    Family("default"),
    Family("smt", {"relevancy": Choice([0, 2]), "simplex": Choice(["new", "old"]), "delay_units": Choice([False, True])}),
    Family("search", {"phase": Choice(["caching", "false", "true", "theory"]), "restart": Choice(["inner_outer", "luby", "geometric"])},
           forbidden=[{"phase": "caching", "restart": "geometric"}]),
    Family("preprocess", {"step": Choice(["none", "elim_unconstrained", "context", "symmetry", "ite", "cnf"]), "relevancy": Choice([0, 2])}),
    Family("difference", {"graph": Choice(["sparse", "dense"]), "preprocess": Choice([False, True])}),
    Family("nonlinear", {"grobner": Choice([False, True]), "tangents": Choice([False, True]), "branching": Choice([False, True]), "relevancy": Choice([0, 2])}),
    Family("nlsat", {"factor": Choice([False, True]), "preprocess": Choice([False, True])}),
    Family("bit_blast", {"restart": Choice(["ema", "luby", "geometric"]), "phase": Choice(["caching", "false"]), "aig": Choice([False, True])}),
    Family("bounded", {"bits": Integer(3, 6), "local_context": Choice([False, True])}),
    Family("finite_domain", {"encoding": Choice(["default", "cardinality"])}),
    Family("sat_smt", {"preprocess": Choice([False, True]), "euf": Choice([False, True])}),
    Family("quantifier", {"mbqi": Choice([False, True]), "macros": Choice([False, True]), "multi_patterns": Integer(0, 1)}),
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
    phase = {"caching": 3, "false": 0, "true": 1, "theory": 6}[p["phase"]]
    restart = {"inner_outer": 1, "luby": 2, "geometric": 0}[p["restart"]]
    return Recipe([], _core(phase_selection=phase, restart_strategy=restart))


def _preprocess(p: Params) -> Recipe:
    step: dict[str, list[Step]] = {
        "none": SIMPLIFY,
        "elim_unconstrained": [*SIMPLIFY, ("elim-uncnstr", {})],
        "context": [("simplify", {}), ("ctx-simplify", {})],
        "symmetry": [("symmetry-reduce", {})],
        "ite": [*SIMPLIFY, ("elim-term-ite", {})],
        "cnf": [*SIMPLIFY, ("tseitin-cnf", {})],
    }
    return Recipe([*step[p["step"]], ("smt", {"auto_config": False, "relevancy": p["relevancy"]})], {})


def _difference(p: Params) -> Recipe:
    solver = {"sparse": 1, "dense": 3}[p["graph"]]
    if p["preprocess"]:
        return Recipe([*SIMPLIFY, ("smt", {"auto_config": False, "arith.solver": solver})], {})
    return Recipe([], _core(arith__solver=solver))


def _nonlinear(p: Params) -> Recipe:
    options = {f"arith.nl.{name}": p[name] for name in ("grobner", "tangents", "branching")}
    return Recipe([], _core(relevancy=p["relevancy"]) | options)


def _nlsat(p: Params) -> Recipe:
    before: list[Step] = [*SIMPLIFY, ("purify-arith", {})] if p["preprocess"] else [("purify-arith", {})]
    return Recipe([*before, ("nlsat", {"factor": p["factor"]})], {})


def _bit_blast(p: Params) -> Recipe:
    search = {"restart": p["restart"], "phase": {"caching": "caching", "false": "always_false"}[p["phase"]]}
    aig: list[Step] = [("aig", {})] if p["aig"] else []
    return Recipe([*SIMPLIFY, ("card2bv", {}), ("bit-blast", {}), *aig, ("sat", search)], {})


def _bounded(p: Params) -> Recipe:
    first: Step = ("simplify", {"local_ctx": True} if p["local_context"] else {})
    blast: list[Step] = [("nla2bv", {"nla2bv_max_bv_size": p["bits"]}), ("bit-blast", {}), ("sat", {})]
    return Recipe([first, *SIMPLIFY[1:], *blast], {})


def _finite_domain(p: Params) -> Recipe:
    if p["encoding"] == "default":
        return Recipe([("qffd", {})], {})
    return Recipe([*SIMPLIFY, ("lia2card", {}), ("pb2bv", {}), ("bit-blast", {}), ("sat", {})], {})


def _sat_smt(p: Params) -> Recipe:
    before: list[Step] = SIMPLIFY if p["preprocess"] else [("simplify", {})]
    return Recipe([*before, ("sat", {"smt": True, "euf": p["euf"]})], {})


def _quantifier(p: Params) -> Recipe:
    options = {"mbqi": p["mbqi"], "macro_finder": p["macros"], "qi.max_multi_patterns": p["multi_patterns"]}
    return Recipe([], _core() | options)


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
