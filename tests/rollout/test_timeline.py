"""The timeline against a reference that asks every chunk about every step, whatever their order and length."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from praxia.core.types import Decision
from praxia.rollout.timeline import Stretch, Timeline, expected_delay, next_query


def decision(name: int, length: int, num_valid: int) -> Decision:
    """Its action k steps ahead is (name, k), its label 1000 more, and its extra is the name."""
    chunk = np.array([[name, at] for at in range(length)], np.float32).reshape(length, 2)
    about = {"label": chunk + 1000, "extras": {"name": chunk[:, :1]}, "actor": "policy"}
    return Decision(chunk, np.arange(length) < num_valid, **about)


@st.composite
def chunks(draw) -> list[tuple[Decision, int, int]]:
    """Decisions on rising steps, each with its observed and its usable step: late ones may arrive after newer ones."""
    observed = sorted(draw(st.lists(st.integers(0, 25), min_size=1, max_size=6, unique=True)))
    found = []
    for name, step in enumerate(observed):
        length = draw(st.integers(1, 8))
        found.append((decision(name, length, draw(st.integers(0, length))), step, step + draw(st.integers(0, 9))))
    return found


def hold(action):
    """Keeps the first number and stops the second."""
    return np.array([action[0], -1], np.float32)


def naive_step(given_chunks, step: int):
    """(name, number, age) of the action at `step`, or None: the newest observation that is usable decides alone."""
    usable = [one for one in given_chunks if one[2] <= step]
    if not usable:
        return None
    chosen, observed, _ = max(usable, key=lambda one: one[1])
    at = step - observed
    return (chosen.chunk[at, 0], at, at) if at < len(chosen.valid) and chosen.valid[: at + 1].all() else None


def added(given_chunks, ensemble=None) -> Timeline:
    timeline = Timeline(ensemble)
    for one in given_chunks:
        timeline = timeline.add(*one)
    return timeline


@settings(max_examples=300, deadline=None)
@given(chunks(), st.integers(0, 12))
def test_the_newest_usable_observation_decides_and_gaps_are_held(given_chunks, count):
    first = given_chunks[-1][1]
    last = np.array([77, 7], np.float32)
    found = added(given_chunks).stretch(first, first + count, hold, last)
    assert len(found.actions) == len(found.labels) == len(found.actors) == len(found.ages) == count
    for at in range(count):
        expected = naive_step(given_chunks, first + at)
        if expected is None:
            np.testing.assert_array_equal(found.actions[at], hold(last))
            np.testing.assert_array_equal(found.labels[at], found.actions[at])
            assert np.isnan(found.ages[at])
            assert found.actors[at] is None
            assert found.extras["name"][at] == 0
        else:
            name, number, age = expected
            assert tuple(found.actions[at]) == (name, number)
            assert tuple(found.labels[at]) == (name + 1000, number + 1000)
            assert (found.ages[at], found.actors[at], found.extras["name"][at, 0]) == (age, "policy", name)
        last = found.actions[at]


@settings(max_examples=200, deadline=None)
@given(chunks(), st.integers(0, 12), st.integers(0, 12))
def test_a_stretch_is_the_same_whole_or_in_parts_and_ends_at_a_gap_without_a_hold(given_chunks, count, more):
    timeline, first = added(given_chunks), given_chunks[-1][1]
    last = np.array([77, 7], np.float32)
    whole = timeline.stretch(first, first + count + more, hold, last)
    one = timeline.stretch(first, first + count, hold, last)
    two = timeline.stretch(first + count, first + count + more, hold, one.actions[-1] if count else last)
    for part, at in ((one, slice(None, count)), (two, slice(count, None))):
        np.testing.assert_array_equal(part.actions, whole.actions[at])
        np.testing.assert_array_equal(part.ages, whole.ages[at])
    starved = np.isnan(whole.ages)
    plain = timeline.stretch(first, first + count + more)
    assert len(plain.actions) == (int(starved.argmax()) if starved.any() else count + more)
    np.testing.assert_array_equal(
        plain.actions, whole.actions[: len(plain.actions)].reshape(-1, plain.actions.shape[1])
    )


@settings(max_examples=200, deadline=None)
@given(chunks(), st.sampled_from([0.01, 0.0, 0.5, -0.5]), st.integers(0, 10))
def test_with_an_ensemble_all_usable_predictions_of_a_step_are_averaged(given_chunks, rate, count):
    first = given_chunks[-1][1]
    found = added(given_chunks, rate).stretch(first, first + count, hold, np.zeros(2, np.float32))
    for at in range(count):
        step = first + at
        predictions = [
            (one.chunk[step - observed], step - observed)
            for one, observed, usable in given_chunks
            if usable <= step and step - observed < len(one.valid) and one.valid[step - observed]
        ]
        if not predictions:
            assert np.isnan(found.ages[at])
            continue
        weights = np.array([math.exp(-rate * number) for number in range(len(predictions))])
        weights /= weights.sum()
        expected = sum(weight * action.astype(float) for weight, (action, _) in zip(weights, predictions, strict=True))
        np.testing.assert_allclose(found.actions[at], expected, rtol=1e-5)
        ages = [age for _, age in predictions]
        np.testing.assert_allclose(found.ages[at], weights @ ages, rtol=1e-5, atol=1e-6)
    assert found.extras == {}


@settings(max_examples=200, deadline=None)
@given(chunks(), st.integers(0, 8))
def test_chunks_that_are_past_are_forgotten_without_a_trace(given_chunks, count):
    for ensemble in (None, 0.1):
        timeline, first = added(given_chunks, ensemble), given_chunks[-1][1]
        all_kept = Timeline(ensemble, tuple(added([one]).chunks[0] for one in given_chunks))
        one, two = (each.stretch(first, first + count, hold, np.zeros(2, np.float32)) for each in (timeline, all_kept))
        np.testing.assert_array_equal(one.actions, two.actions)
        np.testing.assert_array_equal(one.ages, two.ages)
        assert all(chunk.reach > first for chunk in timeline.chunks[:-1])


def test_a_chunk_is_a_copy():
    mine = decision(1, 3, 3)
    timeline = Timeline().add(mine, 0, 0)
    mine.chunk[:] = 9
    mine.valid[:] = False
    assert timeline.stretch(0, 3).actions[:, 0].tolist() == [1, 1, 1]


def test_nothing_is_executed_before_the_first_chunk():
    for ensemble in (None, 0.1):
        empty = Timeline(ensemble).stretch(3, 5, hold)
        assert isinstance(empty, Stretch)
        assert len(empty.actions) == 0
        late = Timeline(ensemble).add(decision(1, 3, 3), 0, 2)
        assert len(late.stretch(0, 3).actions) == 0
        assert late.stretch(0, 3, hold, np.zeros(2, np.float32)).ages[:2].tolist() != [0, 1]


@pytest.mark.parametrize(
    ("num_executable", "horizon", "delay", "expected"),
    [
        (8, 4, 0, 4),  # without a delay the execution horizon alone
        (3, 8, 0, 3),  # or a shorter chunk, as a whole
        (8, 12, 2, 6),  # with one, soon enough that the next chunk follows without a gap
        (8, 4, 4, 4),
        (8, 1, 3, 3),  # but only one decision is made at a time
        (8, 4, 8, 8),  # also where nothing of the chunk is left then
        (0, 4, 0, 1),
    ],
)
def test_when_the_next_decision_is_made(num_executable, horizon, delay, expected):
    assert next_query(5, 5 + delay, num_executable, horizon, delay) == 5 + expected


def test_the_first_decision_is_waited_for_so_the_next_one_need_not_wait_for_it():
    assert next_query(0, 0, 8, 1, 3) == 1
    assert next_query(0, 0, 8, 12, 3) == 5


def test_the_expected_delay_is_the_longest_of_the_last_ten():
    assert expected_delay([]) == 0
    assert expected_delay([9, *range(1, 6)]) == 9
    assert expected_delay([9, *[2] * 9, 3]) == 3
