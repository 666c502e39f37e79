from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec
from praxia.envs import build, find_family
from praxia.envs.metaworld.starts import draw_start, twin_start
from praxia.envs.wrappers import build_wrapped
from praxia.evaluation.benchmarks import find_benchmark

pytestmark = pytest.mark.gl

ACTION = np.array([0.3, 0.6, -0.4, 0.5], np.float32)
START = draw_start("door-open", "test", 0)


def begun(start, *wrappers: str):
    env = build(EnvSpec("metaworld", "door-open", wrappers=wrappers))
    env.reset(start)
    for _ in range(10):
        env.command(ACTION)
    return env


def test_swapped_images_are_the_twins_and_nothing_else_changes():
    swapped = begun(START, "swapped-image")
    own, twin = begun(START), begun(twin_start(START))
    seen = swapped.observe(("workspace",))
    np.testing.assert_array_equal(seen.images["workspace"], twin.observe(("workspace",)).images["workspace"])
    assert np.any(seen.images["workspace"] != own.observe(("workspace",)).images["workspace"])
    np.testing.assert_array_equal(seen.state, own.observe(()).state)
    np.testing.assert_array_equal(swapped.privileged()["observation"], own.privileged()["observation"])
    assert swapped.command(ACTION) == own.command(ACTION)


def test_snapshots_restore_swapped_images():
    first, second = begun(START, "swapped-image"), begun(START, "swapped-image")
    snapshot, seen = first.snapshot(), first.observe(("workspace",)).images["workspace"]
    for _ in range(5):
        second.command(-ACTION)
    second.restore(snapshot)
    np.testing.assert_array_equal(second.observe(("workspace",)).images["workspace"], seen)
    assert second.snapshot() == snapshot


def test_a_frozen_state_is_the_first_and_nothing_else_changes():
    frozen, own = begun(START, "frozen-state"), begun(START)
    first = build(EnvSpec("metaworld", "door-open"))
    first.reset(START)
    seen, truth = frozen.observe(("workspace",)), own.observe(("workspace",))
    np.testing.assert_array_equal(seen.state, first.observe(()).state)
    assert np.abs(seen.state - truth.state).max() > 0.01
    np.testing.assert_array_equal(seen.images["workspace"], truth.images["workspace"])
    assert (seen.instruction, seen.time_s) == (truth.instruction, truth.time_s)
    assert frozen.snapshot() == own.snapshot()
    assert frozen.command(ACTION) == own.command(ACTION)
    other = draw_start("door-open", "test", 1)
    frozen.reset(other)
    first.reset(other)
    np.testing.assert_array_equal(frozen.observe(()).state, first.observe(()).state)


def test_instruct_replaces_the_instruction_alone():
    instructed, own = begun(START, "instruct:close: the window"), begun(START)
    assert instructed.observe(()).instruction == "close: the window"
    assert instructed.snapshot() == own.snapshot()
    np.testing.assert_array_equal(instructed.observe(()).state, own.observe(()).state)


def test_wrappers_compose_in_order():
    env = begun(START, "swapped-image", "instruct:one", "instruct:two")
    assert env.observe(()).instruction == "two"
    assert env.embodiment == find_family("metaworld").embodiment(EnvSpec("metaworld", "door-open"))


def test_an_unknown_wrapper_is_refused():
    with pytest.raises(UnknownName, match="nearest: swapped-image"):
        build(EnvSpec("metaworld", "door-open", wrappers=("swaped-image",)))


def test_options_reach_the_maker_and_are_part_of_the_identity():
    def make(spec, *, wind=0.0):
        env = build(replace(spec, options={}))
        env.wind = wind
        return env

    spec = EnvSpec("bimodal", "pass", options={"wind": 2.5})
    assert build_wrapped(make, spec, lambda start: start).wind == 2.5
    with pytest.raises(MismatchError, match=r"options of 'bimodal' among \['wind'\], got 'rain'"):
        build_wrapped(make, replace(spec, options={"rain": 1}), lambda start: start)
    with pytest.raises(MismatchError, match="options of 'bimodal' among none, got 'wind'"):
        build(spec)
    assert spec.to_json()["options"] == {"wind": 2.5}
    assert "options" not in EnvSpec("bimodal", "pass").to_json()
    assert spec != EnvSpec("bimodal", "pass")
    benchmark = find_benchmark("bimodal")
    assert "options" not in benchmark.to_json()
    windy = replace(benchmark, options={"wind": 2.5})
    assert windy.to_json()["options"] == windy.spec("pass").options == {"wind": 2.5}
