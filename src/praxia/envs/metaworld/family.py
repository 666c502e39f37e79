"""Meta-World as a `Family`."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import metaworld

from praxia.core.types import Embodiment, Env, EnvSpec
from praxia.envs.family import Family
from praxia.envs.graphics import gl_vendor
from praxia.envs.metaworld.body import CAMERAS, embodiment
from praxia.envs.metaworld.env import MetaWorld
from praxia.envs.metaworld.starts import draw_start, twin_start
from praxia.envs.metaworld.tasks import INSTRUCTIONS, short_name
from praxia.envs.wrappers import wrapped

__all__ = ["METAWORLD"]


def _embodiment(spec: EnvSpec) -> Embodiment:
    return embodiment(spec.size)


def _build(spec: EnvSpec) -> Env:
    return wrapped(MetaWorld, spec, twin_start)


def _provenance() -> dict[str, Any]:
    return {
        "gl_vendor": gl_vendor(),
        "assets_sha256": _assets_sha256(),
        "golden_frame_sha256": _golden_frame_sha256(),
    }


@cache
def _golden_frame_sha256() -> str:
    """The pictures of one known moment: they change with the camera, the meshes, the drawing and the physics."""
    env = MetaWorld(EnvSpec("metaworld", "button-press", "fast", 64))
    env.reset(draw_start("button-press", "golden", 0))
    pictures = env.look(tuple(CAMERAS)).images
    env.close()
    return hashlib.sha256(b"".join(picture.tobytes() for picture in pictures.values())).hexdigest()


@cache
def _assets_sha256() -> str:
    """One hash over the package's scenes, meshes and textures."""
    root = Path(metaworld.__file__).parent / "assets"
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _horizon(task: str) -> int:
    """The experts need 83 steps on average and 215 at most, whatever the task; noise delays them a little."""
    return 250


METAWORLD = Family(
    name="metaworld",
    instructions=INSTRUCTIONS,
    task=short_name,
    draw_start=draw_start,
    embodiment=_embodiment,
    build=_build,
    provenance=_provenance,
    trained=tuple(INSTRUCTIONS),
    horizon=_horizon,
)
