"""All allowed combinations of a grid as a decision diagram: counted, numbered and found without being listed.

Parameters are decided one after another. Combinations of the first ones that leave the same rules open have the same
continuations, so they share a node; a node knows how many allowed combinations go on from it. Counting 10^20 of them
costs no more than the nodes. Source: Bryant (1986), for levels instead of bits (Srinivasan, Kam, Malik, Brayton 1990).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from poolwise.errors import SpaceError

ABSENT = -1
"""Level of a parameter that does not apply."""
MOST_NODES = 300_000
"""Partial combinations that are told apart."""


class Grid(NamedTuple):
    """What is counted; parameters and their levels by index."""

    sizes: Sequence[int]
    """Levels of every parameter."""
    conditions: Mapping[int, Mapping[int, frozenset[int]]]
    """A parameter applies only where each of these others applies and has one of these levels."""
    forbidden: Sequence[Mapping[int, int]]
    """Levels that must not meet."""


class Node(NamedTuple):
    """The ways on from a partial combination, those without an end left out."""

    levels: list[int]
    nodes: list[int]
    """Position among the nodes of the next layer."""
    totals: list[int]
    """Running sums of the number of allowed combinations."""


class Diagram(NamedTuple):
    """A layer of nodes for every parameter of `order`; the first has one node, or none where all is forbidden."""

    order: list[int]
    layers: list[list[Node]]

    @property
    def size(self) -> int:
        """Number of allowed combinations."""
        if not self.order:
            return 1
        return self.layers[0][0].totals[-1] if self.layers[0] else 0


def diagram(grid: Grid) -> Diagram:
    """Raises SpaceError where rules leave more partial combinations to tell apart than can be kept."""
    order = decision_order(grid)
    rules = _Rules(grid, order)
    states, layers, nodes = {(0, 0): 0}, list[list[list[tuple[int, int]]]](), 0
    for depth in range(len(order)):
        following: dict[tuple[int, int], int] = {}
        layer = []
        for state in states:
            ways = rules.ways(depth, state)
            layer.append([(level, following.setdefault(after, len(following))) for level, after in ways])
            if nodes + len(following) > MOST_NODES:
                raise SpaceError(
                    f"rules depend on each other too widely to count what they allow (over {MOST_NODES:,} partial "
                    "combinations): split the family, or give fewer values to the parameters that rules name"
                )
        layers.append(layer)
        states, nodes = following, nodes + len(following)
    return Diagram(order, _counted(layers, len(states)))


def at(found: Diagram, number: int) -> tuple[int, ...]:
    """The levels of the combination with this number, parameters as declared."""
    levels, position = [ABSENT] * len(found.order), 0
    for layer, parameter in zip(found.layers, found.order, strict=True):
        node = layer[position]
        way = bisect_right(node.totals, number)
        number -= node.totals[way - 1] if way else 0
        levels[parameter], position = node.levels[way], node.nodes[way]
    return tuple(levels)


def decision_order(grid: Grid) -> list[int]:
    """Parents first, and next always the parameter that leaves least rules half decided, else as declared."""
    groups = {frozenset((child, *parents)) for child, parents in grid.conditions.items()}
    groups |= {frozenset(rule) for rule in grid.forbidden}
    touching = [[group for group in groups if k in group] for k in range(len(grid.sizes))]
    left, order = {group: len(group) for group in groups}, list[int]()
    waiting = list(range(len(grid.sizes)))
    while waiting:
        ready = [k for k in waiting if not set(grid.conditions.get(k, ())) & set(waiting)]
        cost = {k: sum((left[g] == len(g)) - (left[g] == 1) for g in touching[k] if len(g) > 1) for k in ready}
        chosen = min(ready, key=cost.__getitem__)
        waiting.remove(chosen)
        order.append(chosen)
        for group in touching[chosen]:
            left[group] -= 1
    return order


class _Rules:
    """Rules as sets of bits: a state is (forbidden combinations met so far, parameters known not to apply)."""

    def __init__(self, grid: Grid, order: list[int]) -> None:
        place = {parameter: depth for depth, parameter in enumerate(order)}
        self._levels = [range(grid.sizes[parameter]) for parameter in order]
        self._named = [0] * len(order)
        self._first, self._last = [0] * len(order), [0] * len(order)
        self._met: list[dict[int, int]] = [{} for _ in order]
        for number, rule in enumerate(grid.forbidden):
            depths = sorted(place[parameter] for parameter in rule)
            self._first[depths[0]] |= 1 << number
            self._last[depths[-1]] |= 1 << number
            for parameter, level in rule.items():
                depth = place[parameter]
                self._named[depth] |= 1 << number
                self._met[depth][level] = self._met[depth].get(level, 0) | 1 << number
        self._children: list[list[tuple[int, frozenset[int]]]] = [[] for _ in order]
        for child, parents in grid.conditions.items():
            for parent, levels in parents.items():
                self._children[place[parent]].append((1 << place[child], levels))

    def ways(self, depth: int, state: tuple[int, int]) -> list[tuple[int, tuple[int, int]]]:
        """Every level that may come next, with the state after it."""
        met, absent = state
        kept, own = met & ~self._named[depth], 1 << depth
        if absent & own:
            return [(ABSENT, (kept, self._absent(depth, absent, ABSENT) & ~own))]
        found = []
        for level in self._levels[depth]:
            also = self._met[depth].get(level, 0) & (met | self._first[depth])
            if not also & self._last[depth]:
                found.append((level, (kept | also, self._absent(depth, absent, level))))
        return found

    def _absent(self, depth: int, absent: int, level: int) -> int:
        for child, levels in self._children[depth]:
            if level not in levels:
                absent |= child
        return absent


def _counted(layers: list[list[list[tuple[int, int]]]], ends: int) -> list[list[Node]]:
    """Nodes of every layer, what leads nowhere left out, from the last layer to the first."""
    counts, places = [1] * ends, list(range(ends))
    found: list[list[Node]] = []
    for layer in reversed(layers):
        nodes, sizes, kept = list[Node](), list[int](), list[int]()
        for ways in layer:
            open_ways = [(level, after) for level, after in ways if counts[after]]
            totals = list(accumulate(counts[after] for _, after in open_ways))
            sizes.append(totals[-1] if totals else 0)
            kept.append(len(nodes))
            if totals:
                nodes.append(Node([level for level, _ in open_ways], [places[after] for _, after in open_ways], totals))
        found.append(nodes)
        counts, places = sizes, kept
    return found[::-1]
