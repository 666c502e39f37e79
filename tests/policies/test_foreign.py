import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, make_query

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.types import Decision, Policy
from praxia.core.window import Window
from praxia.policies.foreign import FunctionPolicy, GuardedPolicy
from praxia.rollout.faults import decision_fault


def decide(answer, query=None):
    """The decision of a function that always returns `answer`."""
    policy = FunctionPolicy(EMBODIMENT, lambda key: lambda observation: answer)
    (decision,), _ = policy.act([query or make_query("k", 0)], policy.start(1))
    return decision


@pytest.mark.parametrize(
    ("answer", "chunk"),
    [
        ([1, 2], [[1, 2]]),
        (np.array([0.5, -0.5]), [[0.5, -0.5]]),
        (np.arange(6.0).reshape(3, 2), [[0, 1], [2, 3], [4, 5]]),
        (torch.ones(4, 2, dtype=torch.bfloat16).float().requires_grad_(), np.ones((4, 2))),
    ],
)
def test_an_action_or_a_chunk_of_any_library_is_a_decision(answer, chunk):
    decision = decide(answer)
    assert decision.chunk.dtype == np.float32
    np.testing.assert_array_equal(decision.chunk, np.array(chunk, np.float32))
    assert decision.valid.all()
    assert decision_fault(decision, EMBODIMENT, 0) is None


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, r"gave object \[\], expected an action \[2\] or a chunk \[steps, 2\] of numbers, at step 7"),
        ("left", r"the policy gave <U4 \[\], expected"),
        (3.0, r"the policy gave float64 \[\]"),
        (np.zeros((1, 4, 2)), r"the policy gave float64 \[1, 4, 2\]"),
        ([1.0, 2.0, 3.0], r"the policy gave a chunk of float32 \[1, 3\], expected float32 \[steps, 2\], at step 7"),
        ([[1.0], [1.0, 2.0]], r"the policy raised ValueError: .*inhomogeneous.* at step 7"),
    ],
)
def test_what_is_no_action_is_a_fault(answer, fault):
    assert re.search(fault, str(decision_fault(decide(answer), EMBODIMENT, 7)))


def test_too_large_a_number_is_infinite_and_no_warning():
    assert np.isinf(decide([1e300, 0.0]).chunk[0, 0])


def test_the_function_gets_plain_values_and_the_cameras_that_it_reads():
    seen = []

    def act(observation):
        seen.append(observation)
        return np.zeros(2)

    query = make_query("k", 0)
    policy = FunctionPolicy(EMBODIMENT, lambda key: act, cameras=())
    assert isinstance(policy, Policy)
    assert policy.window == Window({"state": (0,)}, 1)
    assert FunctionPolicy(EMBODIMENT, lambda key: act).window.cameras == ("front",)
    policy.act([query], policy.start(1))
    (observation,) = seen
    assert set(observation) == {"images", "state", "instruction"}
    assert observation["images"]["front"] is query.history[-1].images["front"]
    assert observation["state"] is query.history[-1].state
    assert observation["instruction"] == query.history[-1].instruction
    with pytest.raises(UnknownName, match="unknown camera of 'toy' 'top'; nearest: front"):
        FunctionPolicy(EMBODIMENT, lambda key: act, cameras=("top",))


def test_every_episode_has_a_function_of_its_own():
    """Two episodes interleave in two slots, and a third follows in the first."""
    begun = []

    def begin(key):
        begun.append(key)
        steps = []

        def act(observation):
            steps.append(key)
            return [len(steps), 0.0]

        return act

    policy = FunctionPolicy(EMBODIMENT, begin)
    carry = policy.start(2)
    counts = []
    for key, step, row in [("a", 0, 0), ("b", 0, 1), ("a", 1, 0), ("a", 2, 0), ("b", 1, 1), ("c", 0, 0), ("b", 2, 1)]:
        (decision,), carry = policy.act([replace(make_query(key, step), row=row)], carry)
        counts.append((key, decision.chunk[0, 0]))
    assert begun == ["a", "b", "c"]
    assert counts == [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2), ("c", 1), ("b", 3)]


def test_an_exception_is_the_fault_of_its_own_episode():
    def act(observation):
        if observation["state"][0] > 0:
            raise KeyError("wrist")
        return np.zeros(2)

    policy = FunctionPolicy(EMBODIMENT, lambda key: act)
    high, low = (replace(make_query("k", 0), history=_with_state(value), row=row) for row, value in enumerate((1, -1)))
    decisions, _ = policy.act([high, low], policy.start(2))
    fault = decision_fault(decisions[0], EMBODIMENT, 4)
    assert fault is not None
    assert fault.startswith("the policy raised KeyError: 'wrist' (test_foreign.py, line ")
    assert fault.endswith("), at step 4")
    assert decision_fault(decisions[1], EMBODIMENT, 0) is None


def _with_state(value):
    (observation,) = make_query("k", 0, history=1).history
    return (replace(observation, state=np.full(3, value, np.float32)),)


def test_the_horizon_is_that_of_an_answer_unless_it_is_declared():
    policy = FunctionPolicy(EMBODIMENT, lambda key: lambda observation: np.zeros((5, 2)), cameras=(), fingerprint="f")
    measured = policy.with_horizon_of(make_query("k", 0))
    assert measured.window == Window({"state": (0,)}, 5)
    assert measured.fingerprint() == "f"
    declared = FunctionPolicy(EMBODIMENT, lambda key: lambda observation: np.zeros((5, 2)), horizon=4)
    assert declared.with_horizon_of(make_query("k", 0)).window.horizon == 4


class Counter:
    """A policy that counts in its carry, and raises where the state is high."""

    window = Window({"state": (0,)}, 1)
    privileged = False
    embodiment = EMBODIMENT
    device = "cuda:1"

    def __init__(self, answer=None):
        self.answer = answer

    def start(self, num_rows):
        return [0] * num_rows

    def act(self, queries, carry):
        if self.answer is not None:
            return self.answer
        carry, decisions = list(carry), []
        for query in queries:
            carry[query.row] += 1
            if query.history[-1].state[0] > 0:
                raise ValueError("first\nsecond")
            decisions.append(Decision(np.full((1, 2), carry[query.row], np.float32), np.ones(1, bool)))
        return decisions, carry


def test_a_batch_that_raises_is_asked_again_one_by_one_with_the_carry_of_before():
    policy = GuardedPolicy(Counter())
    assert isinstance(policy, Policy)
    assert (policy.device, policy.embodiment) == ("cuda:1", EMBODIMENT)
    carry = policy.start(3)
    queries = [
        replace(make_query("k", 0), history=_with_state(value), row=row) for row, value in enumerate((-1, 1, -1))
    ]
    for turn in (1, 2):
        decisions, carry = policy.act(queries, carry)
        assert [one.fault is None for one in decisions] == [True, False, True]
        assert [one.chunk.tolist() for one in decisions] == [[[turn, turn]], [], [[turn, turn]]]
        assert "raised ValueError: second (test_foreign.py, line " in str(decisions[1].fault)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.zeros(2), r"expected act to return \(decisions, carry\), got ndarray"),
        (([np.zeros(2)], None), "expected act to return a list of Decision, got one of ndarray"),
    ],
)
def test_what_is_no_decision_is_a_fault_of_the_policy(answer, expected):
    (decision,), _ = GuardedPolicy(Counter(answer)).act([make_query("k", 0)], [0])
    assert re.search(expected, str(decision_fault(decision, EMBODIMENT, 0)))


def test_a_policy_that_cannot_start_is_refused_in_one_line():
    policy = Counter()
    policy.start = lambda num_rows: 1 // 0
    with pytest.raises(PraxiaError, match=r"the policy raised ZeroDivisionError: .*, at start\(2\)"):
        GuardedPolicy(policy).start(2)
