"""Meta-World as environment families, one per setup."""

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import metaworld
import numpy as np
from jaxtyping import UInt8
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Simulator, Start
from praxia.envs.family import EnvFamily, GoldenFrame, RewardDeclaration
from praxia.envs.graphics import gl_vendor
from praxia.envs.metaworld.env import MetaWorld
from praxia.envs.metaworld.setup import PRAXIA_SETUP, Setup
from praxia.envs.metaworld.starts import draw_start, twin_start
from praxia.envs.metaworld.tasks import short_name
from praxia.envs.wrappers import build_wrapped

__all__ = ["METAWORLD", "family_of"]

# The setups render larger images of the same scene; a small file is enough for a comparison.
GOLDEN_PX = 64


def family_of(setup: Setup) -> EnvFamily:
    """All tasks of Meta-World under one setup."""
    return EnvFamily(
        name=setup.name,
        instructions=setup.instructions,
        find_task=short_name,
        draw_start=partial(_draw_start, setup),
        embodiment=partial(_embodiment, setup),
        build=partial(_build, setup),
        provenance=partial(_provenance, setup),
        train_tasks=tuple(setup.instructions),
        horizon=_horizon,
        golden=GoldenFrame(partial(_golden_frame, setup), Path(__file__).parent / "golden" / f"{setup.name}.png"),
        rewards=partial(_rewards, setup),
    )


def _draw_start(setup: Setup, task: str, split: str, index: int) -> Start:
    if split == "test" and setup.draw_test is not None:
        task = short_name(task)
        return Start(setup.name, task, setup.draw_test(task, index))
    return draw_start(task, split, index, setup.name)


def _embodiment(setup: Setup, spec: EnvSpec) -> Embodiment:
    return spec.sized(setup.embodiment(spec.size))


def _build(setup: Setup, spec: EnvSpec) -> Simulator:
    return build_wrapped(partial(_make, setup), spec, twin_start)


def _make(setup: Setup, spec: EnvSpec) -> Simulator:
    return MetaWorld(spec, setup)


def _provenance(setup: Setup) -> dict[str, Any]:
    return {
        "gl_vendor": gl_vendor(),
        "assets_sha256": _assets_sha256(),
        "golden_frame_sha256": hashlib.sha256(_golden_frame(setup).tobytes()).hexdigest(),
    }


def _golden_frame(setup: Setup) -> UInt8[np.ndarray, "Y X 3"]:
    """All cameras' images, one below another: they change with cameras, meshes, rendering and physics."""
    env = MetaWorld(EnvSpec(setup.name, "button-press", setup.profile, GOLDEN_PX), setup)
    env.reset(draw_start("button-press", "golden", 0, setup.name))
    images = env.observe(tuple(setup.cameras)).images
    env.close()
    return np.concatenate([images[camera] for camera in setup.cameras])


@cache
def _assets_sha256() -> str:
    """One hash over the package's scenes, meshes and textures."""
    root = Path(metaworld.__file__).parent / "assets"
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _rewards(setup: Setup, task: str) -> dict[str, RewardDeclaration]:
    """The package's own, its version 2. Its environments count the steps before the first observation, too."""
    meaning = "how far the task is done, in stages: 10 only where it succeeds, but not everywhere there"
    horizon = SawyerXYZEnv.max_path_length - setup.num_idle_steps
    return {"dense": RewardDeclaration(meaning, 0.0, 10.0, horizon)}


def _horizon(task: str) -> int:
    """The experts need 83 steps on average and 215 at most, whatever the task; noise delays them a little."""
    return 250


METAWORLD = family_of(PRAXIA_SETUP)
