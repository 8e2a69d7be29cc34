"""Every peer with features and the values of its one knob: published settings, and less exploration than these, which
does better on streams of a few hundred jobs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.features.censored import play_censored
from benchmarks.peers.features.forest import play_forest
from benchmarks.peers.features.linear import play_lints, play_linucb, play_ridge
from benchmarks.peers.features.problem import Problem
from benchmarks.peers.features.vowpal import play_vowpal

Play = Callable[[Problem, np.ndarray, int, Any], np.ndarray]
"""(problem, order, seed, value of the knob) -> (units,) arms."""


class Peer(NamedTuple):
    play: Play
    knob: str
    values: dict[str, Any]
    """By their names in results; one that ends in `raw` learns rewards that are no differences to the baseline."""


PEERS = {
    "ridge": Peer(play_ridge, "epsilon", {"0": 0.0, "0.02": 0.02, "0.05": 0.05, "0.1": 0.1}),
    "LinUCB": Peer(play_linucb, "alpha", {"0.03": 0.03, "0.1": 0.1, "0.3": 0.3, "1": 1.0, "0.3 raw": 0.3}),
    "LinTS": Peer(play_lints, "scale", {"0.03": 0.03, "0.1": 0.1, "0.3": 0.3, "0.03 raw": 0.03, "0.1 raw": 0.1}),
    "SquareCB": Peer(
        play_vowpal, "gamma_scale", {str(scale): f"--squarecb --gamma_scale {scale}" for scale in (10, 100, 1000)}
    ),
    "Cover": Peer(play_vowpal, "policies", {str(size): f"--cover {size} --psi 0.01 --nounif" for size in (4, 8)}),
    "forest": Peer(play_forest, "exploration", {"0.02": 0.02, "0.05": 0.05, "tree": "tree"}),
    "censored": Peer(
        play_censored,
        "loss and sigma",
        {
            "PAR10 1": ("PAR10", 1.0, False),
            "PAR10 0.25": ("PAR10", 0.25, False),
            "PAR10 1 imputed": ("PAR10", 1.0, True),
            "log PAR10 0.25": ("log PAR10", 0.25, False),
        },
    ),
}


def settings() -> list[tuple[str, str]]:
    """(peer, name of a value)"""
    return [(name, value) for name, peer in PEERS.items() for value in peer.values]
