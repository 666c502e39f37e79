"""Praxia's own way to see Meta-World: two cameras that show what the package's own do not."""

from praxia.envs.metaworld.setup import Setup
from praxia.envs.metaworld.shots import Plain
from praxia.envs.metaworld.tasks import INSTRUCTIONS
from praxia.envs.render import Mounted, View

__all__ = ["SETUP"]

SETUP = Setup(
    name="metaworld",
    embodiment_name="metaworld-sawyer",
    cameras={
        # Not one of the package's cameras: in this one's image the objects and goals of all fifty tasks are as large
        # as they can be with none of them outside (the closest to an edge are stick-pull's goals).
        "workspace": Plain(View(position_m=(0.75, 0.05, 0.75), target_m=(0.04, 0.66, 0.09), fovy_deg=42.0)),
        # The package's own, on the hand: it looks down between the fingers, and what is to be grasped grows in it.
        "hand": Plain(Mounted("gripperPOV")),
    },
    instructions=INSTRUCTIONS,
    size=64,
    profile="fast",
)
