"""What public evaluations on Meta-World differ in, as one value: what is seen, known and told, and where it begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.envs.metaworld.shots import Shot

__all__ = ["CONTROL_HZ", "PROPRIOCEPTION", "Setup"]

CONTROL_HZ = 80.0

# The gripper's opening is a fraction of 0.1 m.
PROPRIOCEPTION = (
    Field("hand", 3, "position", "m", frame="world"),
    Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
)


@dataclass(frozen=True)
class Setup:
    """One way to set Meta-World up. Picklable: its function is module-level.

    `name` is that of the family of environments and of its starts, `embodiment_name` that of the embodiment. `cameras` maps names
    to how their images are taken, `state` names the first numbers of Meta-World's observation that the robot is
    given, and `instructions` maps every task to what it is told. Before its first look the robot is given `idle_steps`
    actions of zero.

    `draw_test(task, index)` is the payload of start number `index` of the split "test", where that is not Praxia's own;
    all other splits are Praxia's own. Public evaluations draw images of `size` pixels with the profile `profile`.
    """

    name: str
    embodiment_name: str
    cameras: Mapping[str, Shot]
    instructions: Mapping[str, str]
    size: int
    profile: str
    state: tuple[Field, ...] = PROPRIOCEPTION
    idle_steps: int = 0
    draw_test: Callable[[str, int], dict[str, Any]] | None = None

    def embodiment(self, size: int) -> Embodiment:
        """A Sawyer arm whose hand is moved in space, without rotation, seen in images of `size` pixels.

        The gripper's action is an effort, in fractions of the most, that closes where positive.
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
