"""A few of many allowed combinations: evenly spread, and always the same ones.

The i-th point of a low-discrepancy sequence walks through the diagram: at every parameter its coordinate picks a level,
each with the share of allowed combinations that have it. So all allowed combinations weigh alike. Where two points
meet, the next free combination is taken.

Should a level of a parameter be met by no point, combinations with levels not met so far come first, as many of these
in one as go together (a Latin hypercube), those of the parameters with fewest levels before others. So each level is
there where `count` has room for it.
"""

from bisect import bisect_right

import numpy as np

from poolwise.space.diagram import ABSENT, Diagram, Node, at

_FINE = 2**53
Levels = dict[int, set[int]]
"""Of parameters, some of their levels, by index."""
Above = list[list[list[tuple[int, int]]]]
"""Of every node in every layer, the nodes of the layer before that lead to it, and by which of their ways."""


def thinned(found: Diagram, count: int) -> list[tuple[int, ...]]:
    """`count` distinct combinations, or all where there are no more; levels as declared, in their order."""
    if found.size <= count:
        return sorted(at(found, number) for number in range(found.size))
    chosen = _evenly(found, count, [])
    levels = {
        parameter: {level for node in layer for level in node.levels} - {ABSENT}
        for parameter, layer in zip(found.order, found.layers, strict=True)
    }
    met = list(zip(*(at(found, number) for number in chosen), strict=True))
    if any(not some <= set(met[parameter]) for parameter, some in levels.items()):
        chosen = _evenly(found, count, _covering(found, levels, count))
    return sorted(at(found, number) for number in chosen)


def low_discrepancy(count: int, dimensions: int) -> np.ndarray:
    """(count, dimensions) points in [0, 1), evenly spread: the additive recurrence of Roberts (2018), R_d, from 0."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    return np.arange(count)[:, None] * root ** -np.arange(1.0, dimensions + 1) % 1.0


def _evenly(found: Diagram, count: int, first: list[int]) -> list[int]:
    """Numbers of `count` combinations, those given first."""
    after: dict[int, int] = {}
    """Of every number that is taken, one to try next."""
    chosen = []
    points = low_discrepancy(count, len(found.order)).tolist()
    for number in (*first, *(_nearest(found, point) for point in points[: count - len(first)])):
        tried = []
        while number in after:
            tried.append(number)
            number = after[number]
        after.update(dict.fromkeys((*tried, number), (number + 1) % found.size))
        chosen.append(number)
    return chosen


def _nearest(found: Diagram, point: list[float]) -> int:
    """The number of the combination that a point falls on."""
    number, position = 0, 0
    for layer, share in zip(found.layers, point, strict=True):
        node = layer[position]
        way = _by_weight(node, share)
        number += node.totals[way - 1] if way else 0
        position = node.nodes[way]
    return number


def _by_weight(node: Node, share: float) -> int:
    """A way on, each with the share of combinations that it leads to; counts may have thousands of digits."""
    return bisect_right(node.totals, int(share * _FINE) * node.totals[-1] // _FINE)


def _covering(found: Diagram, missing: Levels, count: int) -> list[int]:
    """Numbers of at most `count` combinations which between them have these levels, as far as that goes."""
    above, chosen = _above(found), list[int]()
    points = iter(low_discrepancy(count, len(found.order)).tolist())
    for depth in sorted(range(len(found.order)), key=lambda depth: (len(missing[found.order[depth]]), depth)):
        for level in sorted(missing[found.order[depth]]):
            if len(chosen) == count:
                return chosen
            if level in missing[found.order[depth]]:
                ways = _through(found, above, missing, (depth, level), next(points))
                chosen.append(_number(found, ways))
                for parameter, met in enumerate(at(found, chosen[-1])):
                    missing[parameter].discard(met)
    return chosen


def _above(found: Diagram) -> Above:
    above: Above = [[[] for _ in layer] for layer in found.layers]
    for layer, following in zip(found.layers, above[1:], strict=False):
        for position, node in enumerate(layer):
            for way, after in enumerate(node.nodes):
                following[after].append((position, way))
    return above


def _through(
    found: Diagram,
    above: list[list[list[tuple[int, int]]]],
    missing: Levels,
    at_level: tuple[int, int],
    point: list[float],
) -> list[int]:
    """The ways of a combination that has a level at a depth, and elsewhere levels that are missing where it can."""
    depth, level = at_level
    having = [(position, node.levels.index(level)) for position, node in enumerate(found.layers[depth])
              if level in node.levels]  # fmt: skip
    start, way = having[int(point[depth] * len(having))]
    ways, position = [way], start
    for up in range(depth - 1, -1, -1):
        parameter, layer, options = found.order[up], found.layers[up], above[up + 1][position]
        fresh = [one for one in options if layer[one[0]].levels[one[1]] in missing[parameter]] or options
        position, way = fresh[int(point[up] * len(fresh))]
        ways.insert(0, way)
    position = found.layers[depth][start].nodes[ways[depth]]
    for down in range(depth + 1, len(found.order)):
        node = found.layers[down][position]
        new = [way for way, level in enumerate(node.levels) if level in missing[found.order[down]]]
        ways.append(new[int(point[down] * len(new))] if new else _by_weight(node, point[down]))
        position = node.nodes[ways[-1]]
    return ways


def _number(found: Diagram, ways: list[int]) -> int:
    number, position = 0, 0
    for layer, way in zip(found.layers, ways, strict=True):
        node = layer[position]
        number += node.totals[way - 1] if way else 0
        position = node.nodes[way]
    return number
