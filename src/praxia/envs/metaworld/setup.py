"""Setups of Meta-World: what evaluations differ in, as one value, and Praxia's own setup."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.envs.metaworld.cameras import PlainCamera, SetupCamera
from praxia.envs.metaworld.tasks import INSTRUCTIONS
from praxia.envs.render import FreeCamera, ModelCamera

__all__ = ["CONTROL_HZ", "PRAXIA_SETUP", "PROPRIOCEPTION", "Setup"]

CONTROL_HZ = 80.0

# The gripper's opening is a fraction of 0.1 m.
PROPRIOCEPTION = (
    Field("hand", 3, "position", "m", frame="world"),
    Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
)


@dataclass(frozen=True)
class Setup:
    """One way to set up Meta-World. Picklable: its function is module-level.

    `name` is that of the family of environments and of its starts, `embodiment_name` that of the embodiment. `cameras`
    maps names to how their images are made, `state` declares the first numbers of Meta-World's observation, which are
    the robot's state, and `instructions` maps every task to its instruction. Before the first observation the robot
    executes `num_idle_steps` actions of zero.

    `draw_test(task, index)` is the payload of start `index` of the split "test", if that is not Praxia's own; all other
    splits are Praxia's own. `size` (pixels) and `profile` are those of the images in public evaluations.
    """

    name: str
    embodiment_name: str
    cameras: Mapping[str, SetupCamera]
    instructions: Mapping[str, str]
    size: int
    profile: str
    state: tuple[Field, ...] = PROPRIOCEPTION
    num_idle_steps: int = 0
    draw_test: Callable[[str, int], dict[str, Any]] | None = None

    def embodiment(self, size: int) -> Embodiment:
        """A Sawyer arm whose hand translates without rotation, with images of `size` pixels.

        The gripper's action is an effort as a fraction of its maximum; positive closes.
        """
        return Embodiment(
            name=self.embodiment_name,
            state=self.state,
            action=(
                Field("hand", 3, "delta", "cm", frame="world", low=-1.0, high=1.0),
                Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0),
            ),
            cameras=tuple(Camera(name, size, size) for name in self.cameras),
            control_hz=CONTROL_HZ,
        )


PRAXIA_SETUP = Setup(
    name="metaworld",
    embodiment_name="metaworld-sawyer",
    cameras={
        # Not one of the package's cameras: in this image the objects and goals of all fifty tasks are as large as they
        # can be with none of them outside (stick-pull's goals are closest to an edge).
        "workspace": PlainCamera(FreeCamera(position_m=(0.75, 0.05, 0.75), target_m=(0.04, 0.66, 0.09), fovy_deg=42.0)),
        # The package's own, on the hand: it looks down between the fingers, towards what is to be grasped.
        "hand": PlainCamera(ModelCamera("gripperPOV")),
    },
    instructions=INSTRUCTIONS,
    size=64,
    profile="fast",
)
