"""Meta-World as starVLA sets it up: https://github.com/starVLA/starVLA, `examples/simBenchmarks/MetaWorld/` (0ed0aad).

Camera, instructions, starts and the idle step are Evo-1's (`evo1.py`); the image has 224 pixels. starVLA's policy
observes image and instruction alone; the state declared here is hand position and gripper opening.

Deviations: those of `evo1.py`, except BGR.
"""

from dataclasses import replace

from praxia.envs.metaworld import evo1
from praxia.envs.metaworld.family import family_of
from praxia.envs.metaworld.setup import PROPRIOCEPTION

__all__ = ["FAMILY", "SETUP"]

SETUP = replace(
    evo1.SETUP, name="metaworld-starvla", embodiment_name="metaworld-sawyer-starvla", size=224, state=PROPRIOCEPTION
)
FAMILY = family_of(SETUP)
