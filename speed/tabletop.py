"""Speed of Tabletop on one core: rendered images per second, and control steps per second with an arm.

Images alternate between both cameras, in scenes of six objects, under the profile that benchmarks use. A control step
(20 per second of simulated time) is inverse kinematics for seven joints, ten physics steps, contacts, and the success
check; the arm follows random deltas. For comparison the same run renders under the profile "default", and steps physics
alone.

    python speed/tabletop.py [--size 96] [--seconds 4] [--json]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("MUJOCO_GL", "egl")  # before the imports below: MuJoCo selects its renderer at import

import mujoco
import numpy as np

from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Start
from praxia.envs import find_family
from praxia.envs.tabletop.model import NUM_SUBSTEPS

ENV, TASK, NUM_OBJECTS, NUM_SCENES = "tabletop-arm7", "push", 6, 5


def crowded_starts() -> Iterator[Start]:
    """Starts whose scenes contain six objects."""
    index = 0
    while True:
        start = find_family(ENV).draw_start(TASK, "speed", index)
        index += 1
        if len(start.payload["scene"]["things"]) == NUM_OBJECTS:
            yield start


def reset_envs(profile: str, size: int):
    """Reset environments, each in its own scene, that have rendered once."""
    starts = crowded_starts()
    for _ in range(NUM_SCENES):
        env = find_family(ENV).build(EnvSpec(ENV, TASK, profile, size))
        env.reset(next(starts))
        env.observe(("front", "wrist"))
        yield env


def rate(act: Callable[[], int], seconds: float) -> float:
    """The sum of what `act` returns, per second."""
    done, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        done += act()
    return done / (time.perf_counter() - began_s)


def images_per_s(profile: str, size: int, seconds: float) -> float:
    def render(env) -> Callable[[], int]:
        return lambda: len(env.observe(("front", "wrist")).images)

    return float(np.mean([rate(render(env), seconds / NUM_SCENES) for env in reset_envs(profile, size)]))


def control_steps_per_s(size: int, seconds: float) -> float:
    rng = generator("speed")

    def step(env) -> Callable[[], int]:
        def once() -> int:
            env.command(rng.uniform(-2, 2, env.embodiment.action_dim).astype(np.float32))
            return 1

        return once

    return float(np.mean([rate(step(env), seconds / NUM_SCENES) for env in reset_envs("fast", size)]))


def physics_alone_per_s(size: int, seconds: float) -> float:
    """Control periods per second of MuJoCo alone, with the arm at rest."""

    def step(env) -> Callable[[], int]:
        def once() -> int:
            mujoco.mj_step(env.model, env.data, NUM_SUBSTEPS)
            return 1

        return once

    return float(np.mean([rate(step(env), seconds / NUM_SCENES) for env in reset_envs("fast", size)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96, help="side of an image in pixels")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    fast, default = (images_per_s(profile, options.size, options.seconds) for profile in ("fast", "default"))
    steps = control_steps_per_s(options.size, options.seconds)
    alone = physics_alone_per_s(options.size, options.seconds)
    found = {
        "render_fps": round(fast, 1),
        "control_steps_per_s": round(steps, 1),
        "render_fps_default_profile": round(default, 1),
        "render_of_default_profile": round(fast / default, 2),
        "physics_alone_per_s": round(alone, 1),
        "control_of_physics_alone": round(steps / alone, 2),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:28} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
