"""Meta-World as Evo-1 sets it up: https://github.com/MINT-SJTU/Evo-1, `MetaWorld_evaluation/` (1bf31c4).

- Camera: the package's "corner2", not moved, rendered at 480 pixels with all effects, turned by 180 degrees, its
  middle 320 pixels (two thirds) resized to 448.
- State: the first eight numbers of the observation: hand position, gripper opening, the object's position, and the
  first number of its rotation. A robot could not measure the last four: the state is privileged.
- Instructions: those of `tasks.jsonl`, all different.
- Starts: those of `make_vec("Meta-World/MT50", seed=4042)`. One step with an action of zero precedes the first
  observation.

Deviations: an episode begins as if the simulator had just been built, Evo-1's in the state that the episode before
left; images are resized in floating point, which differs from OpenCV by 1 of 255 in some pixels; Evo-1's policy
gets BGR images, ours RGB.
"""

from functools import partial

from praxia.core.embodiment import Field
from praxia.envs.metaworld.cameras import Corner2Camera
from praxia.envs.metaworld.family import family_of
from praxia.envs.metaworld.lerobot import INSTRUCTIONS as LEROBOT_INSTRUCTIONS
from praxia.envs.metaworld.mt50_goals import mt50_payload
from praxia.envs.metaworld.setup import PROPRIOCEPTION, Setup

__all__ = ["CAMERA", "FAMILY", "INSTRUCTIONS", "SEED", "SETUP"]

SEED = 4042
CAMERA = Corner2Camera(crop_px=(480, 320))

# The public instructions, except for the one that two tasks share there.
INSTRUCTIONS = {**LEROBOT_INSTRUCTIONS, "push-back": "Push the puck back to a goal"}

SETUP = Setup(
    name="metaworld-evo1",
    embodiment_name="metaworld-sawyer-evo1",
    cameras={"corner2": CAMERA},
    instructions=INSTRUCTIONS,
    size=448,
    profile="default",
    state=(
        *PROPRIOCEPTION,
        Field("object", 3, "position", "m", frame="world"),
        Field("object rotation", 1, "position", "1", frame="world"),
    ),
    num_idle_steps=1,
    draw_test=partial(mt50_payload, SEED),
)
FAMILY = family_of(SETUP)
