"""What the verbs need to know of a family of environments, as one value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import Env, EnvSpec, Start

__all__ = ["EnvFamily", "GoldenFrame"]


@dataclass(frozen=True)
class GoldenFrame:
    """One image of one known moment: `draw()` draws it on this machine, the PNG at `path` is what it was once.

    Who changes scenes, cameras, drawing or physics on purpose writes it anew, and old policies see another world:
    `python -m praxia.evaluate.preflight.record`.
    """

    draw: Callable[[], UInt8[np.ndarray, "Y X 3"]]
    path: Path


@dataclass(frozen=True)
class EnvFamily:
    """A benchmark suite or a robot. Picklable, so that worker processes get a copy: its functions are module-level.

    `instructions` maps every task's name to what its robot is told, or to the pattern that a start fills in.
    `task(name)` is the task's short name and refuses a stranger. `draw_start(task, split, index)` is start number
    `index` of a split, whatever was drawn before; `embodiment(spec)` the embodiment in that environment, without making it;
    `build(spec)` makes it, wrapped as the spec says. `provenance()` is a JSON object of what draws and simulates: the
    OpenGL vendor, the hashes of the assets and of one known image.

    `train_tasks` are the tasks that demonstrations are recorded of unless others are asked for; the others test what was
    learned from them. A demonstration of a task may take `horizon(task)` steps, and in every `failure_every`-th (None:
    in none) the expert is to make a mistake on purpose: one that decides by the present moment recovers.
    `other_instruction(start)`, where there is one, is another instruction that can be followed from that start and
    leads elsewhere. `golden`, where there is one, shows whether this machine draws what others do.
    """

    name: str
    instructions: Mapping[str, str]
    find_task: Callable[[str], str]
    draw_start: Callable[[str, str, int], Start]
    embodiment: Callable[[EnvSpec], Embodiment]
    build: Callable[[EnvSpec], Env]
    provenance: Callable[[], Mapping[str, Any]]
    train_tasks: tuple[str, ...]
    horizon: Callable[[str], int]
    failure_every: int | None = None
    other_instruction: Callable[[Start], str] | None = None
    golden: GoldenFrame | None = None
