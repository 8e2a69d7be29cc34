"""Systems of a million configurations and more, whose cost is a formula: what a trial is worth, and the best there is.

Utilities are in log units over the baseline. Two are test functions of the field, Hartmann's in six dimensions and
Ackley's with three choices beside; the others are made like what they are named after: a tiled matrix product, whose
tiles must fit into a cache (others fail), with the usual terms for traffic, parallel work and unrolling; twenty flags
of a compiler, of which a few matter, and some only together; an index of a database, whose sizes interact.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from poolwise import Choice, Family, Integer, Real
from poolwise.space.parameters import Parameter

FAILED = float("nan")


class System(NamedTuple):
    """One family beside a baseline that is worth 0."""

    parameters: Mapping[str, Parameter]
    worth: Callable[[dict[str, Any]], float]
    """Mean utility of a configuration; NaN: it fails."""
    best: float
    """Of all configurations, those between the levels included, or a bound that is met to 0.01."""

    def family(self, limit: int) -> Family:
        return Family("tuned", self.parameters, limit=limit)


def _hartmann(p: dict[str, Any]) -> float:
    a = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    at = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                          [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip
    x = np.array([p[f"x{k}"] for k in range(6)])
    return float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(a * (x - at) ** 2).sum(1)) - 1.0)


def _ackley(p: dict[str, Any]) -> float:
    x = np.array([p[f"x{k}"] for k in range(4)] + [0.5 * (p[f"c{k}"] != "abcde"[k + 1]) for k in range(3)])
    far = 20 - 20 * np.exp(-0.2 * np.sqrt((x**2).mean())) + np.e - np.exp(np.cos(2 * np.pi * x).mean())
    return float(1.0 - far / 5)


def _product(p: dict[str, Any]) -> float:
    m, n, k = (2.0 ** p[name] for name in ("tile_m", "tile_n", "tile_k"))
    size = 4 * (m * k + k * n + m * n)
    if size > 2**18 * p["share"]:
        return FAILED
    traffic = 0.5 * np.log1p(64 / m + 64 / n)
    threads = 0.12 * (np.log2(p["threads"]) - 3) ** 2 / (1 + m / 64)
    unrolled = 0.05 * (np.log2(p["unroll"]) - np.log2(min(8, k / 4))) ** 2
    vector = 0.25 * abs(np.log2(p["vector"]) - 3 + (n < 16))
    order = {"mnk": 0.0, "mkn": 0.08, "nmk": 0.15, "nkm": 0.3, "kmn": 0.45, "knm": 0.6}[p["order"]]
    cache = 0.3 * (np.log2(size) - 16) ** 2 / 16 + 0.6 * (p["share"] - 0.55) ** 2
    return float(1.2 - traffic - threads - unrolled - vector - order - cache - 0.1 * (not p["prefetch"]))


def _flags(p: dict[str, Any]) -> float:
    x = np.array([2.0 * p[f"f{k}"] - 1 for k in range(20)])
    alone = 0.08 * x[0] + 0.06 * x[3] - 0.05 * x[7] + 0.04 * x[11] - 0.03 * x[16]
    return float(0.4 + alone + 0.08 * x[1] * x[2] - 0.06 * x[4] * x[9] + 0.05 * x[13] * x[14] * x[0])


def _index(p: dict[str, Any]) -> float:
    pages, fill, batch = np.log2(p["pages"]), p["fill"], np.log2(p["batch"])
    depth = 0.06 * (pages + 0.5 * batch - 15) ** 2
    splits = 1.2 * (fill - 0.92 + 0.02 * batch) ** 2 * (1 + 2 * (p["kind"] == "tree"))
    waits = 0.05 * (np.log2(p["workers"]) - 4) ** 2 + 0.04 * (np.log(p["delay"]) + 3) ** 2
    kind = {"tree": 0.0, "hash": 0.25, "log": -0.1 + 0.05 * abs(batch - 8)}[p["kind"]]
    return float(1.0 - depth - splits - waits - kind - 0.1 * abs(p["level"] - 3) - 0.15 * (p["pack"] == "none"))


SYSTEMS = {
    "Hartmann": System({f"x{k}": Real(0.0, 1.0, levels=11) for k in range(6)}, _hartmann, 2.32237),
    "Ackley": System(
        {**{f"x{k}": Real(-2.3, 1.7, levels=11) for k in range(4)}, **{f"c{k}": Choice([*"abcde"]) for k in range(3)}},
        _ackley, 1.0,
    ),
    "matrix product": System(
        {
            **{name: Integer(2, 9, levels=8) for name in ("tile_m", "tile_n", "tile_k")},
            "threads": Choice([1, 2, 4, 8, 16, 32]),
            "unroll": Choice([1, 2, 4, 8, 16]),
            "vector": Choice([1, 2, 4, 8, 16]),
            "order": Choice(["mnk", "mkn", "nmk", "nkm", "kmn", "knm"]),
            "share": Real(0.1, 1.0, levels=10),
            "prefetch": Choice([False, True]),
        },
        _product, 0.9,
    ),
    "flags": System({f"f{k}": Choice([False, True]) for k in range(20)}, _flags, 0.85),
    "index": System(
        {
            "pages": Integer(512, 65536, log=True, levels=8),
            "fill": Real(0.5, 1.0, levels=11),
            "batch": Integer(1, 4096, log=True, levels=13),
            "kind": Choice(["tree", "hash", "log"]),
            "workers": Integer(1, 128, log=True, levels=8),
            "delay": Real(0.001, 10.0, log=True, levels=9),
            "level": Integer(0, 9, levels=10),
            "pack": Choice(["none", "fast", "small"]),
        },
        _index, 1.1,
    ),
}  # fmt: skip
