"""Goals in hindsight: a later frame of the same episode is the goal that its actions led to.

"Future" of hindsight experience replay (Andrychowicz et al. 2017, arXiv 1707.01495), as goal-conditioned supervised
learning takes it (Ghosh et al. 2019, arXiv 1912.06088): of the frames that follow, each is the goal equally often.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.keys import generator

__all__ = ["draw_goals", "frames_to_goal", "with_goals"]

# Multiples of it, modulo 1, are spread evenly, whatever window they begin at.
GOLDEN_RATIO = (np.sqrt(5) - 1) / 2


def draw_goals(seed: int, step: int, batch_size: int) -> Float64[np.ndarray, " B"]:
    """Where between the present (0) and its episode's end (1) the goal of each row of batch `step` is."""
    return generator("goals", seed, step).random(batch_size)


def frames_to_goal(
    left: Int64[np.ndarray, " B"], indices: Int64[np.ndarray, " B"], drawn: Float64[np.ndarray, " B"] | None
) -> Int64[np.ndarray, " B"]:
    """How many frames after the present each goal is, of the `left` ones: 1 to as many, and 0 where none is left.

    Without `drawn` (`draw_goals`), as where windows are read to be measured, it depends on the window's number alone.
    """
    fraction = indices * GOLDEN_RATIO % 1 if drawn is None else drawn
    return np.minimum(1 + (fraction * left).astype(np.int64), left)


def with_goals(embodiment: Embodiment, goal: Mapping[str, str]) -> Embodiment:
    """The embodiment with a camera for each goal of `Window.goal`, like the camera whose later images it shows."""
    by_name = {f"image.{camera.name}": camera for camera in embodiment.cameras}
    shown = {name: by_name[seen] for seen, name in goal.items() if seen in by_name}
    kept = [camera for name, camera in by_name.items() if name not in shown]
    added = [replace(camera, name=name.removeprefix("image.")) for name, camera in shown.items()]
    return replace(embodiment, cameras=(*kept, *added))
