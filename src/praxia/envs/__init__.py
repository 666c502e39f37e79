"""Environments: one adapter per benchmark or robot. Importing this package imports no simulator.

Outside packages add a `family.EnvFamily` with the entry-point group `praxia.envs`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from praxia.core.errors import optional_import
from praxia.core.registry import lookup
from praxia.core.types import EnvSpec, Robot
from praxia.envs.gymnasium.declaration import is_declaration

if TYPE_CHECKING:
    from praxia.envs.family import EnvFamily

__all__ = ["ENVS", "build", "find_family"]

# MuJoCo chooses its OpenGL backend while it is imported. EGL needs no display.
os.environ.setdefault("MUJOCO_GL", "egl")

ENVS = {
    "bimodal": "praxia.envs.bimodal.family:BIMODAL",
    "metaworld": "praxia.envs.metaworld.family:METAWORLD",
    "metaworld-evo1": "praxia.envs.metaworld.evo1:FAMILY",
    "metaworld-lerobot": "praxia.envs.metaworld.lerobot:FAMILY",
    "metaworld-starvla": "praxia.envs.metaworld.starvla:FAMILY",
    "pusht": "praxia.envs.pusht.family:PUSHT",
    "tabletop-gantry": "praxia.envs.tabletop.family:GANTRY",
    "tabletop-arm6": "praxia.envs.tabletop.family:ARM6",
    "tabletop-arm6-joints": "praxia.envs.tabletop.family:ARM6_JOINTS",
    "tabletop-arm7": "praxia.envs.tabletop.family:ARM7",
    "tabletop-arm7-joints": "praxia.envs.tabletop.family:ARM7_JOINTS",
    "tworoom": "praxia.envs.tworoom.family:TWOROOM",
}


def find_family(name: str) -> "EnvFamily":
    """The family of environments of that name, or that the JSON file of that name declares (`gymnasium.declaration`).

    Raises:
        UnknownName: with the nearest names.
        DataError: the file describes none.
        MissingPackage: its simulator is not installed.
    """
    if is_declaration(name):
        from praxia.envs.gymnasium.family import read_family

        return read_family(Path(name))
    # Extras have the names of families: "tabletop" installs what "tabletop-arm6" needs.
    with optional_import(f"environment {name!r}", name.partition("-")[0] if name in ENVS else None):
        return lookup("envs", ENVS, name, kind="environment", listing="praxia collect --help")


def build(spec: EnvSpec) -> Robot:
    """The environment that `spec` describes, wrapped as it says.

    Raises:
        UnknownName: no environment, task, render profile or wrapper has that name.
    """
    return find_family(spec.env).build(spec)
