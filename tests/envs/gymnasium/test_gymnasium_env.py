"""An environment of gymnasium as a family of ours: declared by a file, repeatable, or refused in one line."""

import json
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.simulator import expect_simulator
from praxia.core.types import EnvSpec, Simulator
from praxia.envs import find_family
from praxia.envs.gymnasium.declaration import GymnasiumDeclaration
from praxia.envs.gymnasium.family import family_of

PENDULUM = {
    "type": "gymnasium",
    "id": "Pendulum-v1",
    "name": "pendulum",
    "instruction": "swing the pendulum up and hold it there",
    "rate_hz": 20,
    "horizon": 200,
    "action": {"kind": "torque", "unit": "N m"},
    "success": {"reward": -0.1},
}


class Room(gymnasium.Env):
    """A point, an image that shows its column, a goal, and two actions of different ranges."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode: str | None = None, fails: bool = False, late: bool = False):
        if fails:
            raise RuntimeError("no room")
        image = spaces.Box(0, 255, (8, 16, 3), np.uint8)
        number = spaces.Box(-np.inf, np.inf, (1,), np.float64)
        self.observation_space = spaces.Dict({"x": number, "goal": number, "seen": image, "text": spaces.Text(9)})
        self.action_space = spaces.Box(np.array([-1, 0], np.float32), np.array([1, np.inf], np.float32))
        self.render_mode, self.late = render_mode, late
        self.canvas = np.zeros((8, 8, 3), np.uint8)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.x, self.goal, self.steps = 0.0, float(self.np_random.uniform(1, 2)), 0
        return self.see(), {}

    def step(self, action: np.ndarray) -> Any:
        self.x, self.steps = self.x + float(action[0]), self.steps + 1
        over = self.late and self.steps == 3
        info = {"there": abs(self.goal - self.x) < 0.5} if over or not self.late else {}
        return self.see(), -abs(self.goal - self.x), False, over, info

    def see(self) -> dict[str, Any]:
        image = np.zeros((8, 16, 3), np.uint8)
        image[:, int(np.clip(self.x * 4, 0, 15))] = 200
        return {"x": np.array([self.x]), "goal": np.array([self.goal]), "seen": image, "text": "room"}

    def render(self) -> Any:
        """Each image in place of the last one; brighter by a step."""
        self.canvas[:] = 7 + self.steps
        return self.canvas


gymnasium.register("PraxiaRoom-v0", entry_point=Room)
gymnasium.register("PraxiaSteps-v0", entry_point="gymnasium.envs.classic_control.cartpole:CartPoleEnv")
ROOM = {
    **PENDULUM,
    "id": "PraxiaRoom-v0",
    "name": "room",
    "state": ["x", "goal"],
    "images": {"front": "seen", "side": "render"},
    "action": {"kind": "delta", "unit": "m"},
    "success": "there",
}


def build(value: dict[str, Any], **options: Any) -> Simulator:
    family = family_of(GymnasiumDeclaration.from_json(value))
    return expect_simulator(family.build(EnvSpec(value["name"], value["name"], **options)), "this test")


def test_a_file_declares_a_family(tmp_path: Path):
    path = tmp_path / "pendulum.json"
    path.write_text(json.dumps(PENDULUM))
    family = find_family(str(path))
    embodiment = family.embodiment(EnvSpec(str(path), "pendulum"))
    (action,) = embodiment.action
    assert (action.kind, action.unit, action.low, action.high, action.size) == ("torque", "N m", -2, 2, 1)
    assert (embodiment.state_dim, embodiment.cameras, embodiment.control_hz) == (3, (), 20)
    assert family.draw_start("pendulum", "test", 0) != family.draw_start("pendulum", "test", 1)
    assert family.provenance()["declaration"] == {**PENDULUM, "size": 64, "execution_horizon": 1}


def test_it_is_the_environment_itself():
    """Observations, rewards and success of the same seed and actions are gymnasium's."""
    env, stock = build(PENDULUM), gymnasium.make("Pendulum-v1").unwrapped
    start = family_of(GymnasiumDeclaration.from_json(PENDULUM)).draw_start("pendulum", "test", 0)
    env.reset(start)
    seen, _ = stock.reset(seed=start.payload["seed"])
    for action in np.random.default_rng(0).uniform(-3, 3, (50, 1)).astype(np.float32):
        np.testing.assert_array_equal(env.observe(()).state, seen)
        outcome = env.command(action)
        seen, reward, *_ = stock.step(action)
        assert outcome.reward == reward
        assert outcome.success == (reward >= -0.1)


def test_snapshots_go_back_bit_for_bit():
    env = build(PENDULUM)
    start = family_of(GymnasiumDeclaration.from_json(PENDULUM)).draw_start("pendulum", "test", 3)
    actions = np.random.default_rng(0).uniform(-2, 2, (20, 1)).astype(np.float32)
    env.reset(start)
    for action in actions[:10]:
        env.command(action)
    snapshot = env.snapshot()
    expected = [env.command(action).reward for action in actions[10:]]
    env.restore(snapshot)
    assert [env.command(action).reward for action in actions[10:]] == expected
    env.reset(family_of(GymnasiumDeclaration.from_json(PENDULUM)).draw_start("pendulum", "test", 4))
    with pytest.raises(MismatchError, match="this snapshot is of start"):
        env.restore(snapshot)


def test_entries_are_state_and_images():
    env = build(ROOM, size=16)
    assert [(one.name, one.size) for one in env.embodiment.state] == [("x", 1), ("goal", 1)]
    assert [(one.name, one.low, one.high) for one in env.embodiment.action] == [
        ("action_0", -1, 1),
        ("action_1", 0, None),
    ]
    env.reset(family_of(GymnasiumDeclaration.from_json(ROOM)).draw_start("room", "test", 0))
    assert env.command(np.array([1, 0], np.float32)).success in (True, False)
    seen = env.observe(("front", "side"))
    assert seen.state[0] == 1
    assert seen.images["front"].shape == seen.images["side"].shape == (16, 16, 3)
    assert seen.images["front"][4:12, 4].min() == 200
    assert (seen.images["side"] == 8).all()
    with pytest.raises(UnknownName, match="unknown camera 'top'"):
        env.observe(("top",))


def test_an_image_stays_as_it_was():
    env = build(ROOM, size=8)
    env.reset(family_of(GymnasiumDeclaration.from_json(ROOM)).draw_start("room", "test", 0))
    first = env.observe(("side",)).images["side"]
    env.command(np.zeros(2, np.float32))
    assert (env.observe(("side",)).images["side"] == 8).all()
    assert (first == 7).all()


def test_success_is_unknown_where_nothing_says_so():
    env = build({name: value for name, value in ROOM.items() if name not in ("success", "images")})
    env.reset(family_of(GymnasiumDeclaration.from_json(ROOM)).draw_start("room", "test", 0))
    assert env.command(np.zeros(2, np.float32)).success is None


@pytest.mark.parametrize("pace", [0.0, 0.5])
def test_success_may_be_said_at_the_end_alone(pace: float):
    """Steps without the entry have not succeeded, so that an episode that fails is one that failed."""
    env = build({**ROOM, "kwargs": {"late": True}})
    env.reset(family_of(GymnasiumDeclaration.from_json(ROOM)).draw_start("room", "test", 0))
    outcomes = [env.command(np.array([pace, 0], np.float32)) for _ in range(3)]
    assert [one.success for one in outcomes] == [False, False, pace > 0]
    assert outcomes[-1].truncated


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"state": ["y"]}, UnknownName, "unknown observation of PraxiaRoom-v0 'y'"),
        ({"state": ["text"]}, MismatchError, "expected observation 'text' of 'PraxiaRoom-v0' as an array"),
        ({"state": []}, MismatchError, "expected observation 'state'"),
        ({"kwargs": {"fails": True}}, PraxiaError, "gymnasium cannot make 'PraxiaRoom-v0': RuntimeError: no room"),
        ({"id": "PraxiaSteps-v0", "state": [], "images": {}}, MismatchError, "one array of continuous actions"),
        ({"id": "Nothing-v0"}, PraxiaError, "gymnasium cannot make 'Nothing-v0'"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        build({**ROOM, **changes})


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        ("{", DataError, "to describe an environment of gymnasium"),
        ("[]", DataError, "to describe an environment of gymnasium"),
        (json.dumps({**PENDULUM, "type": "planner"}), DataError, "got type 'planner'"),
        (json.dumps({**PENDULUM, "hz": 2}), UnknownName, "unknown entry of an environment of gymnasium 'hz'"),
        (json.dumps({**PENDULUM, "rate_hz": 0}), DataError, "got rate_hz 0"),
        (json.dumps({**PENDULUM, "name": 3}), DataError, "got name 3, which is no text"),
        (
            json.dumps({**PENDULUM, "action": {"kind": "turn", "unit": ""}}),
            UnknownName,
            "unknown kind of action 'turn'",
        ),
        (json.dumps({k: v for k, v in PENDULUM.items() if k != "horizon"}), DataError, "got no 'horizon'"),
        (json.dumps({**PENDULUM, "state": "x"}), DataError, "got state 'x', which is no list"),
        (None, DataError, "No such file"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: str | None, error: type[Exception], text: str):
    path = tmp_path / "env.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=text) as raised:
        find_family(str(path))
    assert "\n" not in str(raised.value)
