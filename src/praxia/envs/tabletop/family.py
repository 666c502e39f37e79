"""Tabletop as families of environments, one a body: a benchmark names a body by its family."""

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.types import Embodiment, Env, EnvSpec
from praxia.envs.family import Family, Golden
from praxia.envs.graphics import gl_vendor
from praxia.envs.tabletop.bodies import arm6, arm7, gantry
from praxia.envs.tabletop.bodies.body import Body
from praxia.envs.tabletop.env import Tabletop
from praxia.envs.tabletop.model import FRONT
from praxia.envs.tabletop.starts import draw_start, other_instruction, twin_start
from praxia.envs.tabletop.tasks import CHAINS, INSTRUCTIONS, TRAINED, short_name
from praxia.envs.wrappers import wrapped

__all__ = ["ARM6", "ARM6_JOINTS", "ARM7", "ARM7_JOINTS", "GANTRY"]


def _family(body: Body) -> Family:
    return Family(
        name=body.name,
        instructions=INSTRUCTIONS,
        task=short_name,
        draw_start=partial(draw_start, body.name),
        embodiment=partial(_embodiment, body),
        build=partial(_build, body),
        provenance=partial(_provenance, body),
        trained=TRAINED,
        horizon=_horizon,
        blunder_every=4,
        other_instruction=other_instruction,
        golden=Golden(partial(_golden_frame, body), Path(__file__).parent / "golden" / f"{body.name}.png"),
    )


def _horizon(task: str) -> int:
    """The expert needs 12 to 52 steps, and more where it was disturbed: a part of a chain as much as a task."""
    return 100 * (int(task[-1]) if task in CHAINS else 1)


def _embodiment(body: Body, spec: EnvSpec) -> Embodiment:
    return body.embodiment(spec.size)


def _build(body: Body, spec: EnvSpec) -> Env:
    return wrapped(partial(_make, body), spec, twin_start, other_instruction)


def _make(body: Body, spec: EnvSpec) -> Env:
    return Tabletop(spec, body)


def _provenance(body: Body) -> dict[str, Any]:
    picture = _golden_frame(body)
    return {"gl_vendor": gl_vendor(), "golden_frame_sha256": hashlib.sha256(picture.tobytes()).hexdigest()}


@cache
def _golden_frame(body: Body) -> UInt8[np.ndarray, "Y X 3"]:
    """It changes with the scenes, the drawing and the physics."""
    env = Tabletop(EnvSpec(body.name, "touch", "fast", 64), body)
    env.reset(draw_start(body.name, "touch", "golden", 0))
    # A fixed motion first, so that servos, kinematics and contacts are in the picture too.
    action = np.concatenate([np.full(part.size, 0.25 * (part.high or 1.0)) for part in env.embodiment.action])
    for _ in range(20):
        env.step(action.astype(np.float32))
    return env.look((FRONT,)).images[FRONT]


GANTRY = _family(gantry.GANTRY)
ARM6, ARM6_JOINTS = _family(arm6.ARM6), _family(arm6.ARM6_JOINTS)
ARM7, ARM7_JOINTS = _family(arm7.ARM7), _family(arm7.ARM7_JOINTS)
