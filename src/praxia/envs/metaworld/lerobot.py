"""Meta-World as LeRobot sets it up: https://github.com/huggingface/lerobot, `src/lerobot/envs/metaworld.py` (7427f31).

- Camera: the package's "corner2", moved to (0.75, 0.075, 0.7) (after Seo et al. 2022, arXiv 2206.14244), 480 pixels,
  turned by 180 degrees, rendered with all effects.
- State: the first four numbers of the observation, hand position and gripper opening.
- Instructions: those of `metaworld_config.json`. "push" and "push-back" share one, as in the public training
  set; LeRobot has renamed the second since (#4410).
- Starts: start i is what Meta-World's reset draws after `seed(1000 + i)`, 1000 being the default of `lerobot-eval`.
  Before July 2026 (#3727) LeRobot's starts came from numpy's global state, which depended on what had run before.

Deviations: an episode begins as if the simulator had just been built, LeRobot's in the state that the episode before
left; and the first observation is correct, where the package shows some bodies at the positions before their placement.
"""

from typing import Any

from gymnasium.utils import seeding

from praxia.envs.metaworld.cameras import Corner2Camera
from praxia.envs.metaworld.family import family_of
from praxia.envs.metaworld.setup import Setup
from praxia.envs.metaworld.starts import draw_rand_vec

__all__ = ["FAMILY", "INSTRUCTIONS", "SETUP"]

_FIRST_SEED = 1000

INSTRUCTIONS = {
    "assembly": "Pick up a nut and place it onto a peg",
    "basketball": "Dunk the basketball into the basket",
    "bin-picking": "Grasp the puck from one bin and place it into another bin",
    "box-close": "Grasp the cover and close the box with it",
    "button-press-topdown": "Press a button from the top",
    "button-press-topdown-wall": "Bypass a wall and press a button from the top",
    "button-press": "Press a button",
    "button-press-wall": "Bypass a wall and press a button",
    "coffee-button": "Push a button on the coffee machine",
    "coffee-pull": "Pull a mug from a coffee machine",
    "coffee-push": "Push a mug under a coffee machine",
    "dial-turn": "Rotate a dial 180 degrees",
    "disassemble": "Pick a nut out of a peg",
    "door-close": "Close a door with a revolving joint",
    "door-lock": "Lock the door by rotating the lock clockwise",
    "door-open": "Open a door with a revolving joint",
    "door-unlock": "Unlock the door by rotating the lock counter-clockwise",
    "hand-insert": "Insert the gripper into a hole",
    "drawer-close": "Push and close a drawer",
    "drawer-open": "Open a drawer",
    "faucet-open": "Rotate the faucet counter-clockwise",
    "faucet-close": "Rotate the faucet clockwise",
    "hammer": "Hammer a screw on the wall",
    "handle-press-side": "Press a handle down sideways",
    "handle-press": "Press a handle down",
    "handle-pull-side": "Pull a handle up sideways",
    "handle-pull": "Pull a handle up",
    "lever-pull": "Pull a lever down 90 degrees",
    "peg-insert-side": "Insert a peg sideways",
    "pick-place-wall": "Pick a puck, bypass a wall and place the puck",
    "pick-out-of-hole": "Pick up a puck from a hole",
    "reach": "Reach a goal position",
    "push-back": "Push the puck to a goal",
    "push": "Push the puck to a goal",
    "pick-place": "Pick and place a puck to a goal",
    "plate-slide": "Slide a plate into a cabinet",
    "plate-slide-side": "Slide a plate into a cabinet sideways",
    "plate-slide-back": "Get a plate from the cabinet",
    "plate-slide-back-side": "Get a plate from the cabinet sideways",
    "peg-unplug-side": "Unplug a peg sideways",
    "soccer": "Kick a soccer into the goal",
    "stick-push": "Grasp a stick and push a box using the stick",
    "stick-pull": "Grasp a stick and pull a box with the stick",
    "push-wall": "Bypass a wall and push a puck to a goal",
    "reach-wall": "Bypass a wall and reach a goal",
    "shelf-place": "Pick and place a puck onto a shelf",
    "sweep-into": "Sweep a puck into a hole",
    "sweep": "Sweep a puck off the table",
    "window-open": "Push and open a window",
    "window-close": "Push and close a window",
}


def draw_test(task: str, index: int) -> dict[str, Any]:
    """The payload of the start of LeRobot's episode `index` of a task."""
    return {"rand_vec": draw_rand_vec(task, seeding.np_random(_FIRST_SEED + index)[0])}


SETUP = Setup(
    name="metaworld-lerobot",
    embodiment_name="metaworld-sawyer-lerobot",
    cameras={"corner2": Corner2Camera(moved_to_m=(0.75, 0.075, 0.7))},
    instructions=INSTRUCTIONS,
    size=480,
    profile="default",
    draw_test=draw_test,
)
FAMILY = family_of(SETUP)
