"""Synthetic images that are about as hard to compress and decode as rendered robot scenes.

A fixed, textured background (wood-like stripes and soft patches, which differ by camera and episode), a swinging shaded
arm of three links, a shadow on the table and three moving shaded balls; the wrist camera moves too, and with it its
entire image. Nothing is random from frame to frame.

Encoded as LeRobot does (AV1, 4:2:0, crf 30, a key frame every second frame), an image of 224 px takes 5.2 to 5.3 kB,
and one core decodes 1,600 to 1,700 per second. Rendered scenes of that size, measured in the same way: Meta-World 2.0
(hand) and 4.0 kB (workspace), 2,300 and 1,700 per second; Tabletop 3.6 (front) and 2.1 kB (wrist), 1,700 and 2,100.

It needs only numpy, because it also runs in the environments of other packages.
"""

from itertools import pairwise

import numpy as np

__all__ = ["CAMERAS", "Scene"]

CAMERAS = ("front", "wrist")


class Scene:
    """One episode from one camera: the same images for the same arguments."""

    def __init__(self, camera: str, episode: int, size: int):
        self._moves = camera == "wrist"
        self._y, self._x = np.mgrid[0:size, 0:size] / size
        draw = np.random.default_rng([episode, CAMERAS.index(camera)])
        self._background = _background(draw, 2 * size if self._moves else size, size)
        self._phase, self._size = draw.uniform(0, 2 * np.pi, 8), size
        self._tints = draw.uniform(0.2, 0.9, (6, 3))

    def image(self, frame: int) -> np.ndarray:
        """uint8[size, size, 3]."""
        t, size = frame / 30, self._size
        shift = round((size - 1) * (0.5 + 0.5 * np.sin(0.7 * t + self._phase[0]))) if self._moves else 0
        scene = self._background[shift : shift + size].copy()
        elbow = np.array([0.5 + 0.15 * np.sin(t + self._phase[1]), 0.45])
        wrist = elbow + 0.25 * np.array([np.cos(1.3 * t + self._phase[2]), 0.5 + 0.5 * np.sin(t)])
        joints = [np.array([0.5, 0.02]), elbow, wrist, wrist + np.array([0.03, 0.1])]
        self._limb(scene, joints[2] + 0.06, joints[3] + 0.06, 0.05, self._tints[0] * 0.2, 0.5)  # the shadow
        for number, (start, end) in enumerate(pairwise(joints)):
            self._limb(scene, start, end, 0.06 - 0.012 * number, self._tints[number], 1.0)
        for ball in range(3):
            centre = 0.5 + 0.35 * np.array([np.sin(0.5 * t + self._phase[3 + ball]), np.cos(0.4 * t * (ball + 1))])
            self._limb(scene, centre, centre + 1e-3, 0.04 + 0.01 * ball, self._tints[3 + ball], 1.0)
        return (scene.clip(0, 1) * 255).astype(np.uint8)

    def _limb(
        self, scene: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float, tint: np.ndarray, opacity: float
    ) -> None:
        """A capsule between two points, lit from the side."""
        along = end - start
        reach = ((self._x - start[0]) * along[0] + (self._y - start[1]) * along[1]) / (along @ along)
        reach = reach.clip(0, 1)
        dx, dy = self._x - start[0] - reach * along[0], self._y - start[1] - reach * along[1]
        near = (dx * dx + dy * dy) / radius**2
        inside = near < 1
        light = 0.35 + 0.65 * (np.sqrt(1 - near[inside]) - 0.5 * (dx + dy)[inside] / radius).clip(0, 1.2)
        scene[inside] = (1 - opacity) * scene[inside] + opacity * light[:, None] * tint


def _background(draw: np.random.Generator, height: int, width: int) -> np.ndarray:
    """float[Y, X, 3]: stripes along bent lines, soft patches and fixed grain."""
    y, x = np.mgrid[0:height, 0:width] / width
    scene = np.empty((height, width, 3))
    bend = 0.05 * np.sin(7 * x + draw.uniform(0, 6)) + 0.02 * np.sin(23 * y + draw.uniform(0, 6))
    stripes = np.sin((40 + 20 * draw.random()) * (y + bend)) * np.sin(9 * x + 4 * y)
    patches = sum(np.sin(a * x + b * y + c) for a, b, c in draw.uniform(-25, 25, (6, 3))) / 6
    grain = draw.normal(0, 0.02, (height, width))
    for channel, (base, wood, soft) in enumerate(draw.uniform((0.3, 0.05, 0.08), (0.7, 0.12, 0.2), (3, 3))):
        scene[..., channel] = base + wood * stripes + soft * patches + grain
    return scene
