"""The cameras of Meta-World's setups: from a simulated scene to the image that a policy observes."""

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import UInt8

from praxia.data.images import Size, pad_to
from praxia.envs.render import FreeCamera, ModelCamera, RenderProfile, render_image

__all__ = ["Corner2Camera", "PlainCamera", "SetupCamera", "resize"]


@dataclass(frozen=True)
class PlainCamera:
    """The image of `camera`, unchanged."""

    camera: FreeCamera | ModelCamera

    def move(self, model: mujoco.MjModel) -> None:
        """The camera is in place already."""

    def render(
        self, model: mujoco.MjModel, data: mujoco.MjData, scene: str, profile: RenderProfile, size: Size
    ) -> UInt8[np.ndarray, "Y X 3"]:
        """An image of `size`. Raises GraphicsError."""
        return render_image(model, data, scene=scene, camera=self.camera, profile=profile, size=size)


@dataclass(frozen=True)
class Corner2Camera:
    """The package's camera "corner2", which hangs upside down: its image is turned by 180 degrees.

    `moved_to_m` is where public code moves the camera; None: nowhere. With `crop_px` (d, k), as in public code, an
    image of d pixels per side is rendered and its middle k pixels are resized to the requested size, between black bars
    where that is no square. None: the image is rendered at the requested size.
    """

    moved_to_m: tuple[float, float, float] | None = None
    crop_px: tuple[int, int] | None = None

    def move(self, model: mujoco.MjModel) -> None:
        """Move the camera in `model`, which changes no physics."""
        if self.moved_to_m is not None:
            model.camera("corner2").pos = self.moved_to_m

    def render(
        self, model: mujoco.MjModel, data: mujoco.MjData, scene: str, profile: RenderProfile, size: Size
    ) -> UInt8[np.ndarray, "Y X 3"]:
        """An image of `size`. Raises GraphicsError."""
        if self.crop_px is None:
            return self._render(model, data, scene, profile, size)
        rendered_px, kept_px = self.crop_px
        image = self._render(model, data, scene, profile, (rendered_px, rendered_px))
        edge = (rendered_px - kept_px) // 2
        return pad_to(resize(image[edge : edge + kept_px, edge : edge + kept_px], min(size)), size)

    def _render(
        self, model: mujoco.MjModel, data: mujoco.MjData, scene: str, profile: RenderProfile, size: Size
    ) -> UInt8[np.ndarray, "Y X 3"]:
        camera = ModelCamera("corner2")
        image = render_image(model, data, scene=scene, camera=camera, profile=profile, size=size)
        return np.ascontiguousarray(image[::-1, ::-1])


SetupCamera = PlainCamera | Corner2Camera


def resize(image: UInt8[np.ndarray, "y x 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """A square image resized to `size` pixels per side: bilinear, with pixel centres at halves and without smoothing.

    As OpenCV's `INTER_LINEAR`, which public evaluations use. OpenCV rounds fixed-point numbers, so values may differ by
    1.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return np.ascontiguousarray(image)
    top, bottom, down = _neighbours(height, size)
    left, right, across = _neighbours(width, size)
    rows = image[top] + down[:, None, None] * (image[bottom].astype(np.float32) - image[top])
    values = rows[:, left] + across[:, None] * (rows[:, right] - rows[:, left])
    return (values + 0.5).astype(np.uint8)


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `new` pixels its two neighbours among `old`, and its distance from the first in [0, 1)."""
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    first = np.floor(position).astype(np.intp)
    return first, np.minimum(first + 1, old - 1), (position - first).astype(np.float32)
