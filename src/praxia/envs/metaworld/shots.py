"""From a camera to the image that a policy is given."""

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import UInt8

from praxia.envs.render import Mounted, Profile, View, draw
from praxia.envs.resize import resize

__all__ = ["Corner2", "Plain", "Shot"]


@dataclass(frozen=True)
class Plain:
    """The image as the camera `view` takes it."""

    view: View | Mounted

    def place(self, model: mujoco.MjModel) -> None:
        """The camera hangs where it should already."""

    def take(
        self, model: mujoco.MjModel, data: mujoco.MjData, scene: str, how: Profile, size: int
    ) -> UInt8[np.ndarray, "Y X 3"]:
        """An image of `size` pixels a side. Raises GraphicsError."""
        return draw(model, data, scene=scene, view=self.view, how=how, size=size)


@dataclass(frozen=True)
class Corner2:
    """The package's camera "corner2", which hangs upside down: its image is turned by 180 degrees.

    `moved_to_m` is where public code moves the camera, None: nowhere. With `middle` (d, k) an image of d pixels a
    side is drawn, its middle k pixels are kept, and these are resized to what was asked for, as public code does; None:
    the image is drawn at the size that was asked for.
    """

    moved_to_m: tuple[float, float, float] | None = None
    middle: tuple[int, int] | None = None

    def place(self, model: mujoco.MjModel) -> None:
        """Move the camera in `model`, which changes no physics."""
        if self.moved_to_m is not None:
            model.camera("corner2").pos = self.moved_to_m

    def take(
        self, model: mujoco.MjModel, data: mujoco.MjData, scene: str, how: Profile, size: int
    ) -> UInt8[np.ndarray, "Y X 3"]:
        """An image of `size` pixels a side. Raises GraphicsError."""
        drawn, kept = self.middle or (size, size)
        image = draw(model, data, scene=scene, view=Mounted("corner2"), how=how, size=drawn)[::-1, ::-1]
        edge = (drawn - kept) // 2
        return resize(image[edge : edge + kept, edge : edge + kept], size)


# How a camera's image is taken.
Shot = Plain | Corner2
