"""A session is the loop's twin: the same observations lead to the same actions, and what does not fit has one line."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, make_policy

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import ChunkExecution, Decision, Observation, Query
from praxia.core.window import Window
from praxia.rollout.session import Session, parse_observation

ARM = Embodiment(
    "arm",
    (Field("joints", 2, "position", "rad", dims=("shoulder", "elbow")),),
    (Field("joints", 1, "position", "rad", low=-1.0, high=1.0),),
    (Camera("top", 4, 4), Camera("side", 4, 6)),
    10.0,
)


class Counting:
    """Decides chunks of three: 0.1 times (the step it was asked at, its history's length, what it saw)."""

    window = Window({"state": (-1, 0), "image.top": (0,)}, 3)
    privileged = False
    embodiment = ARM

    def __init__(self):
        self.queries: list[Query] = []

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        self.queries += queries
        chunk = np.array([[queries[0].step / 100 + at / 10] for at in range(3)], np.float32)
        return [Decision(chunk, np.array([True, True, len(self.queries) % 2 == 1]))], None


def seen(state=(0.0, 1.0), **changes):
    state = state if isinstance(state, (dict, list)) else np.array(state, np.float32)
    return {"images": {"top": np.zeros((4, 4, 3), np.uint8)}, "state": state, **changes}


def test_after_a_fault_the_policy_decides_again():
    """Its chunk is not asked for the same bad action for ever."""

    class Once(Counting):
        def act(self, queries, carry):
            (decision,), carry = super().act(queries, carry)
            if len(self.queries) == 1:
                decision.chunk[1] = np.nan
            return [decision], carry

    session = Session(Once(), ChunkExecution(2))
    session.act(seen())
    with pytest.raises(PraxiaError, match="not finite at step 1"):
        session.act(seen())
    np.testing.assert_allclose(session.act(seen()), [0.01], atol=1e-6)


def test_a_chunk_is_executed_before_the_policy_is_asked_again():
    policy = Counting()
    session = Session(policy, ChunkExecution(2), key="k")
    actions = [float(session.act(seen((step, 0)))[0]) for step in range(5)]
    np.testing.assert_allclose(actions, [0.0, 0.1, 0.02, 0.12, 0.04], atol=1e-6)
    assert [query.step for query in policy.queries] == [0, 2, 4]
    assert [[one.state[0] for one in query.history] for query in policy.queries] == [[0], [1, 2], [3, 4]]
    session.reset()
    session.act(seen())
    assert policy.queries[-1].step == 0
    assert policy.queries[-1].key != policy.queries[0].key, "another episode has other noise"
    assert len(policy.queries[-1].history) == 1


def test_only_valid_actions_are_executed():
    policy = Counting()
    session = Session(policy, ChunkExecution(3))
    for _ in range(6):
        session.act(seen())
    assert [query.step for query in policy.queries] == [0, 3, 5]


def test_a_chunk_is_all_that_is_predicted():
    session = Session(Counting(), ChunkExecution(3))
    session.act(seen())
    np.testing.assert_allclose(session.chunk(seen())[:, 0], [0.01, 0.11], atol=1e-6)
    np.testing.assert_allclose(session.act(seen()), [0.02], atol=1e-6)


def test_overlapping_chunks_are_averaged():
    session = Session(Counting(), ChunkExecution(1, ensemble=0.0))
    first, second = (float(session.act(seen())[0]) for _ in range(2))
    assert first == 0
    assert second == pytest.approx((0.1 + 0.01) / 2)


def test_a_policy_may_reuse_its_arrays():
    class Reusing(Counting):
        chunk = np.zeros((3, 1), np.float32)

        def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
            (decision,), carry = super().act(queries, carry)
            self.chunk[:] = decision.chunk
            return [Decision(self.chunk, decision.valid)], carry

    actions = [
        [float(session.act(seen())[0]) for _ in range(4)]
        for session in (Session(policy(), ChunkExecution(1, ensemble=0.0)) for policy in (Counting, Reusing))
    ]
    assert actions[0] == actions[1]


def test_a_trained_policy_decides_as_it_does_in_the_loop():
    """The same key, history and step: bit for bit what `act` gives."""
    policy = make_policy()
    session = Session(policy, ChunkExecution(policy.window.horizon), key="episode")
    rng = np.random.default_rng(0)
    history = []
    for step in range(3):
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        state = rng.uniform(-1, 1, EMBODIMENT.state_dim).astype(np.float32)
        history.append(Observation({"front": image}, state, "lift the cup", step / EMBODIMENT.control_hz))
        chunk = session.chunk({"images": {"front": image}, "state": state, "instruction": "lift the cup"})
        newest = tuple(history[-1 - policy.window.history :])
        expected = policy.act([Query(newest, "episode/0", step, 0)], None)[0][0].chunk
        np.testing.assert_array_equal(chunk, expected)


def test_images_of_every_form_are_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)

    def read(value, channels="last"):
        observation = {"images": {"top": value}, "state": [0, 1]}
        return parse_observation(observation, ARM, ("top",), 0.0, channels).images["top"]

    forms = [(image, "last"), (torch.from_numpy(image), "last"), (image.transpose(2, 0, 1), "first")]
    forms += [(image / 255.0, "last"), (torch.from_numpy(image / np.float32(255)).permute(2, 0, 1), "first")]
    for value, channels in forms:
        np.testing.assert_array_equal(read(value, channels), image)
    large = np.repeat(np.repeat(image, 6, 0), 6, 1)
    np.testing.assert_array_equal(read(large), image)
    wide = np.pad(large, ((0, 0), (0, 24), (0, 0)), constant_values=255)
    assert not read(wide)[[0, -1]].any(), "black bars above and below keep its proportions"


def test_a_state_by_names_is_in_the_order_of_the_embodiment():
    found = parse_observation({"state": {"elbow": 2, "shoulder": 1.5}}, ARM, (), 0.0, "last")
    np.testing.assert_array_equal(found.state, np.float32([1.5, 2]))
    assert found.instruction == ""


WRONG = {
    "a camera of another name": (seen(images={"tpo": np.zeros((4, 4, 3), np.uint8)}), "'tpo'; nearest: top"),
    "no image": (seen(images={}), "expected an image of camera 'top', got images of none"),
    "channels first": (seen(images={"top": np.zeros((3, 4, 4), np.uint8)}), r'channels="first"'),
    "a float image of 0..255": (seen(images={"top": np.full((4, 4, 3), 128.0)}), "within 0..1, got values from 128"),
    "an image of NaN": (seen(images={"top": np.full((4, 4, 3), np.nan)}), "within 0..1"),
    "an image of int64": (seen(images={"top": np.zeros((4, 4, 3), np.int64)}), "uint8 or float"),
    "too many numbers": (seen((1, 2, 3)), r"expected a state of 2 numbers \(shoulder, elbow\), got float32 \[3\]"),
    "NaN": (seen((1, np.nan)), "expected a finite state, got nan for dim elbow"),
    "texts": (seen(state=["a", "b"]), "expected a state of 2 numbers"),
    "a dim of another name": (seen(state={"shoulder": 1, "elbo": 2}), "'elbo'; nearest: elbow"),
    "a missing dim": (seen(state={"shoulder": 1}), "expected a number for the state's dim 'elbow'"),
    "no state": ({"images": seen()["images"]}, "expected a state of 2 numbers, got none"),
    "another entry": (seen(task="lift"), "'task'"),
    "no text": (seen(instruction=3), "expected the instruction as a text, got int"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_has_one_line(name):
    observation, line = WRONG[name]
    session = Session(Counting(), ChunkExecution(1))
    with pytest.raises((MismatchError, UnknownName), match=line) as error:
        session.act(observation)
    assert "\n" not in str(error.value)
    session.act(seen())
