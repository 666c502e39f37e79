from dataclasses import replace

import pytest
from praxia_testing import EMBODIMENT, SMALL_EMBODIMENT, make_config, make_config_of_two, make_policy

from praxia.core.delays import DelayTrace
from praxia.core.embodiment import Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import bind_policy, check_compatibility
from praxia.policies.correction import Corrected

BENCHMARK = Benchmark("toy/fast", "", "toy", ("walk",), 20, ChunkExecution(2), ("front",), 16, "fast", "", "ever")


@pytest.fixture(scope="module")
def policy():
    return make_policy(make_config_of_two())


def test_a_policy_is_bound_to_the_benchmarks_embodiment_by_its_name(policy):
    for embodiment in (EMBODIMENT, SMALL_EMBODIMENT):
        ready = bind_policy(policy, BENCHMARK, embodiment)
        assert ready.embodiment == embodiment
        check_compatibility(ready, BENCHMARK, embodiment)


def test_an_unknown_embodiment_is_refused_with_both_names_and_the_option(policy):
    with pytest.raises(MismatchError, match=r"'toy' and 'small', but benchmark 'toy/fast' has 'new'.*--as"):
        bind_policy(policy, BENCHMARK, replace(EMBODIMENT, name="new"))


def test_on_purpose_it_decides_for_another_embodiment_with_the_same_fields(policy):
    new = replace(SMALL_EMBODIMENT, name="new")
    ready = bind_policy(policy, BENCHMARK, new, "small")
    assert ready.embodiment == new
    check_compatibility(ready, BENCHMARK, new)


def test_an_embodiment_without_a_camera_in_training_needs_none():
    blind = replace(SMALL_EMBODIMENT, cameras=())
    policy = make_policy(replace(make_config_of_two(), embodiments=(EMBODIMENT, blind)))
    ready = bind_policy(policy, replace(BENCHMARK, cameras=("wrist",)), blind)
    check_compatibility(ready, replace(BENCHMARK, cameras=("wrist",)), blind)
    assert ready.window.cameras == ()


def test_as_something_it_was_not_trained_on_is_answered_with_the_nearest(policy):
    with pytest.raises(UnknownName, match="'smal'; nearest: small"):
        bind_policy(policy, BENCHMARK, replace(SMALL_EMBODIMENT, name="new"), "smal")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"action": (Field("move", 1, "velocity", "m"),)}, r"action move\[1\] delta in m but move\[1\] velocity in m"),
        ({"state": (Field("position", 1, "position", "m", "world"),)}, "state .* but .* m world"),
        ({"control_hz": 20.0}, "rate 10 Hz but 20 Hz"),
    ],
)
def test_even_on_purpose_fields_and_rate_must_mean_the_same(policy, change, expected):
    with pytest.raises(MismatchError, match=rf"'small', but benchmark 'toy/fast' has 'new': {expected}"):
        bind_policy(policy, BENCHMARK, replace(SMALL_EMBODIMENT, name="new", **change), "small")


def test_even_on_purpose_it_must_see_what_it_was_trained_to_see(policy):
    with pytest.raises(MismatchError, match=r"camera 'front'.*has wrist"):
        bind_policy(policy, replace(BENCHMARK, cameras=("wrist",)), SMALL_EMBODIMENT)


FLOW = make_config().model


@pytest.mark.parametrize(
    "model",
    [
        replace(FLOW, head=replace(FLOW.head, trained_delay=2)),
        replace(FLOW, roll_forward=2),
        Corrected(replace(FLOW, head=replace(FLOW.head, trained_delay=2)), FLOW.encoder, (1,)),
    ],
    ids=["trained prefix", "rolled forward", "corrected"],
)
def test_a_delay_beyond_that_of_the_training_is_refused_before_the_first_episode(model):
    limited = make_policy(replace(make_config(), model=model))
    for allowed in (0, 2, DelayTrace((0, 2, 1), 10.0)):
        check_compatibility(limited, BENCHMARK.with_delay(allowed), EMBODIMENT)
    for longer in (3, DelayTrace((0, 3), 10.0)):
        with pytest.raises(MismatchError, match=r"delays of at most 2 .*/delay-\S+' has 3: choose toy/fast/delay-2"):
            check_compatibility(limited, BENCHMARK.with_delay(longer), EMBODIMENT)


def test_a_guided_policy_takes_any_delay():
    config = make_config()
    model = replace(FLOW, head=replace(FLOW.head, trained_delay=2, guidance="identity"))
    assert make_policy(replace(config, model=model)).longest_delay is None
