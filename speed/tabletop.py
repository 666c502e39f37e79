"""How fast Tabletop draws and simulates, on one core: images a second, and control steps a second with an arm.

Images are of both cameras in turn, in scenes of six things, under the profile that benchmarks use. A control step is
one of 20 a second: inverse kinematics for seven joints, ten physics steps, contacts, and the judgement of the goal; the
arm is driven about by random deltas. For comparison the same run draws under the profile "default", and steps physics
alone.

    python speed/tabletop.py [--size 96] [--seconds 4] [--json]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("MUJOCO_GL", "egl")  # for what comes next: MuJoCo chooses how it draws when it is imported

import mujoco
import numpy as np

from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Start
from praxia.envs import find_family
from praxia.envs.tabletop.model import NUM_SUBSTEPS

ENV, TASK, NUM_THINGS, NUM_SCENES = "tabletop-arm7", "push", 6, 5


def crowded_starts() -> Iterator[Start]:
    """Starts whose scenes hold six things."""
    index = 0
    while True:
        start = find_family(ENV).draw_start(TASK, "speed", index)
        index += 1
        if len(start.payload["scene"]["things"]) == NUM_THINGS:
            yield start


def begun(profile: str, size: int):
    """Environments that have begun, each in a scene of its own, and have drawn once."""
    starts = crowded_starts()
    for _ in range(NUM_SCENES):
        env = find_family(ENV).build(EnvSpec(ENV, TASK, profile, size))
        env.reset(next(starts))
        env.observe(("front", "wrist"))
        yield env


def rate(act: Callable[[], int], seconds: float) -> float:
    """How often a second whatever `act` counts happens."""
    done, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        done += act()
    return done / (time.perf_counter() - began_s)


def images_per_s(profile: str, size: int, seconds: float) -> float:
    def draw(env) -> Callable[[], int]:
        return lambda: len(env.observe(("front", "wrist")).images)

    return float(np.mean([rate(draw(env), seconds / NUM_SCENES) for env in begun(profile, size)]))


def control_steps_per_s(size: int, seconds: float) -> float:
    rng = generator("speed")

    def step(env) -> Callable[[], int]:
        def once() -> int:
            env.step(rng.uniform(-2, 2, env.embodiment.action_dim).astype(np.float32))
            return 1

        return once

    return float(np.mean([rate(step(env), seconds / NUM_SCENES) for env in begun("fast", size)]))


def physics_alone_per_s(size: int, seconds: float) -> float:
    """Control periods a second of nothing but MuJoCo, with the arm at rest."""

    def step(env) -> Callable[[], int]:
        def once() -> int:
            mujoco.mj_step(env.model, env.data, NUM_SUBSTEPS)
            return 1

        return once

    return float(np.mean([rate(step(env), seconds / NUM_SCENES) for env in begun("fast", size)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96, help="the images' side in pixels")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each measurement takes")
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
