"""The strategy, run by Kernel Tuner itself in its simulation mode on a cache file."""

import json
from pathlib import Path

import numpy as np
import pytest

kernel_tuner = pytest.importorskip(
    "kernel_tuner", reason="kernel-tuner is not installed: pip install 'poolwise[kernel-tuner]'"
)

from poolwise.errors import DataError, InputError  # noqa: E402
from poolwise.integrations import kernel_tuner as bridge  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FILES = Path(__file__).parent / "files"
SPACE = {"block_size_x": [2**k for k in range(4, 11)], "tile": list(range(1, 9)), "unroll": [0, 1]}


def milliseconds(block, tile, unroll, device=1.0):
    return device * (1 + np.log2(block / 128) ** 2 + 0.5 * (tile - 3) ** 2 + 0.3 * unroll)


def cache(path, device="NVIDIA A100", factor=1.0):
    """A cache file of the 112 configurations; those of 1,024 threads and tile 8 failed."""
    made = {}
    for block in SPACE["block_size_x"]:
        for tile in SPACE["tile"]:
            for unroll in SPACE["unroll"]:
                entry = {"block_size_x": block, "tile": tile, "unroll": unroll}
                failed = block == 1024 and tile == 8
                value = "RuntimeFailedConfig" if failed else milliseconds(block, tile, unroll, factor)
                times = {} if failed else {"times": [value] * 3}
                clocks = dict.fromkeys(
                    ("compile_time", "verification_time", "benchmark_time", "strategy_time", "framework_time"), 1.0
                )
                entry |= {"time": value, **times, **clocks, "timestamp": "2026-01-05 10:00:00.000000+00:00"}
                made[f"{block},{tile},{unroll}"] = entry
    head = {"schema_version": "1.1.0", "device_name": device, "kernel_name": "vector_add", "problem_size": 1000}
    space = {"tune_params_keys": list(SPACE), "tune_params": SPACE, "objective": "time"}
    path.write_text(json.dumps({**head, **space, "cache": made}))
    return path


def tuned(path, strategy, evaluations=25, **options):
    source = "__global__ void vector_add(float *c) { c[0] = 1.0f; }"
    results, _ = kernel_tuner.tune_kernel(
        "vector_add",
        source,
        1000,
        [np.zeros(1, np.float32)],
        SPACE,
        lang="CUDA",
        cache=str(path),
        simulation_mode=True,
        strategy=strategy,
        strategy_options={"max_fevals": evaluations},
        quiet=True,
        **options,
    )
    return results


def cost(one):
    return one["time"] if "__error__" not in one else np.exp(4.0)


def regret(results):
    return sum(np.log(cost(one)) for one in results)


def test_the_best_configuration_is_found(tmp_path):
    results = tuned(cache(tmp_path / "a100.json"), bridge.PoolwiseStrategy(seed=1))
    assert len(results) == 25
    assert len({(one["block_size_x"], one["tile"], one["unroll"]) for one in results}) == 25
    assert min(one["time"] for one in results if "__error__" not in one) == 1.0
    assert regret(results) < 0.7 * regret(tuned(tmp_path / "a100.json", "random_sample"))


def test_the_module_itself_is_a_strategy(tmp_path):
    assert len(tuned(cache(tmp_path / "a100.json"), bridge, 5)) == 5


def test_everything_is_tried_once_where_there_is_room(tmp_path):
    assert len(tuned(cache(tmp_path / "a100.json"), bridge.PoolwiseStrategy(), 500)) == 112


def test_other_devices_are_projects(tmp_path):
    other = cache(tmp_path / "w6600.json", "AMD W6600", 3.0)
    mine = cache(tmp_path / "a100.json")
    told = tuned(mine, bridge.PoolwiseStrategy(others=[other]), 10)
    alone = tuned(mine, bridge.PoolwiseStrategy(), 10)
    assert told[0]["time"] == 1.0
    assert max(map(cost, told)) <= 2.5 < max(map(cost, alone))


def test_a_file_of_another_tool_is_refused():
    with pytest.raises(DataError, match="it looks like hyperfine"):
        bridge.PoolwiseStrategy(others=[FILES / "hyperfine.json"])


def test_several_objectives_are_refused(tmp_path):
    path = cache(tmp_path / "a100.json")
    with pytest.raises(InputError, match="one objective"):
        tuned(path, bridge, objectives={"time": False, "GFLOP/s": True})
