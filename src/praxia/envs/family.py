"""A family of environments as one value: what collection and evaluation need to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Robot, Start

__all__ = ["EnvFamily", "GoldenFrame"]


@dataclass(frozen=True)
class GoldenFrame:
    """A reference image: `render()` renders it on this machine, and the PNG at `path` is the stored one.

    Intended changes of scenes, cameras, rendering or physics need a new file, and existing policies then observe other
    images: `python -m praxia.evaluation.preflight.record`.
    """

    render: Callable[[], UInt8[np.ndarray, "Y X 3"]]
    path: Path


@dataclass(frozen=True)
class EnvFamily:
    """A benchmark suite or a robot. Picklable, so that worker processes get a copy: its functions are module-level.

    `instructions` maps every task's name to its instruction, or to the pattern that a start fills in.
    `find_task(name)` is the task's canonical name and refuses unknown ones. `draw_start(task, split, index)` is start
    `index` of a split, independent of all others. `embodiment(spec)` is the embodiment in that environment, without
    building it; `build(spec)` builds the environment, wrapped as the spec says. `provenance()` is a JSON object about
    what renders and simulates: the OpenGL vendor, the hashes of the assets and of the golden frame.

    `train_tasks` are the tasks of which demonstrations are recorded by default; the others test generalisation. A
    demonstration of a task may take `horizon(task)` steps, and in every `failure_every`-th (None: in none) a failure is
    injected, from which the expert must recover. `other_instruction(start)`, if the family has it, is another
    instruction that can be followed from that start and leads elsewhere. `golden` is the family's reference image.
    """

    name: str
    instructions: Mapping[str, str]
    find_task: Callable[[str], str]
    draw_start: Callable[[str, str, int], Start]
    embodiment: Callable[[EnvSpec], Embodiment]
    build: Callable[[EnvSpec], Robot]
    provenance: Callable[[], Mapping[str, Any]]
    train_tasks: tuple[str, ...]
    horizon: Callable[[str], int]
    failure_every: int | None = None
    other_instruction: Callable[[Start], str] | None = None
    golden: GoldenFrame | None = None
