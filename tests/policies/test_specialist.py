import numpy as np
import pytest
import torch

from praxia.checkpoint.store import PolicyConfig, load_policy, save_policy
from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.nn.types import Shapes
from praxia.policies.specialist import Actor, Specialist, action_transforms

EMBODIMENT = Embodiment(
    name="arm",
    state=(Field("hand", 2, "position", "m"),),
    action=(Field("hand", 2, "delta", "cm", low=-1.0, high=3.0), Field("grip", 1, "gripper", "1", low=0.0, high=1.0)),
    cameras=(),
    control_hz=10.0,
)
LAYOUT = {"hand": 2, "goal": 1}
SHAPES = Shapes((), 0, 1, ((2, 3),), 2, 2)


def query(*numbers):
    privileged = {"goal": np.array(numbers[2:]), "hand": np.array(numbers[:2]), "verb": np.array("push")}
    return Query((Observation({}, np.zeros(2, np.float32), "go", 0.0),), "key", 0, 0, privileged)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    config = Specialist(LAYOUT, width=8, depth=1)
    transforms = action_transforms(EMBODIMENT, "go")
    window = Window({"state": (0,)}, 2)
    about = PolicyConfig(config, SHAPES, transforms, (EMBODIMENT,), window, {"recipe": "sac"})
    actor = config.build(SHAPES)
    actor.fit_scale(torch.randn(20, 3))
    save_policy(tmp_path / "policy", about, actor.state_dict())
    return tmp_path / "policy", actor


def test_it_acts_by_the_mean_within_the_declared_ranges_and_repeats_it(folder):
    path, actor = folder
    policy, _ = load_policy(path)
    assert policy.privileged
    queries = [query(0.1, -0.2, 5.0), query(3.0, 2.0, 1.0)]
    decisions, _ = policy.act(queries, policy.start(2))
    with torch.no_grad():
        squashed = actor(torch.tensor([[0.1, -0.2, 5.0], [3.0, 2.0, 1.0]]))[0].tanh().numpy()
    for row, decision in enumerate(decisions):
        assert decision.chunk.shape == (2, 3)
        assert decision.valid.all()
        expected = [1 + 2 * squashed[row, 0], 1 + 2 * squashed[row, 1], 0.5 + 0.5 * squashed[row, 2]]
        np.testing.assert_allclose(decision.chunk, [expected, expected], rtol=1e-5)


def test_another_privileged_state_is_refused(folder):
    policy, _ = load_policy(folder[0])
    with pytest.raises(MismatchError, match="expected privileged state 'goal' of 1 numbers, got 2"):
        policy.act([query(0.0, 0.0, 1.0, 2.0)], None)


def test_it_is_bound_by_name(folder):
    policy, _ = load_policy(folder[0])
    assert policy.bind(EMBODIMENT).embodiment == EMBODIMENT
    with pytest.raises(UnknownName, match="unknown embodiment of this policy 'leg'"):
        policy.bind(EMBODIMENT, "leg")


def test_an_action_without_a_range_is_refused():
    free = Embodiment("free", EMBODIMENT.state, (Field("hand", 2, "delta", "cm"),), (), 10.0)
    with pytest.raises(MismatchError, match="'free' has an action field without one"):
        action_transforms(free, "go")


def test_states_that_never_vary_are_only_shifted():
    actor = Actor(2, 1, 4, 1)
    actor.fit_scale(torch.full((5, 2), 3.0))
    torch.testing.assert_close(actor.scaled(torch.tensor([3.0, 4.0])), torch.tensor([0.0, 1.0]))
