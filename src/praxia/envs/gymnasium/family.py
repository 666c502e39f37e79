"""An environment of gymnasium as an `EnvFamily` of one task."""

from functools import partial
from pathlib import Path
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import UnknownName, optional_import
from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Simulator, Start
from praxia.envs.family import EnvFamily
from praxia.envs.gymnasium.declaration import GymnasiumDeclaration
from praxia.envs.wrappers import build_wrapped

with optional_import("an environment of gymnasium", "gymnasium"):
    import gymnasium

    from praxia.envs.gymnasium.env import GymnasiumSimulator, embodiment_of, make_stock

__all__ = ["family_of", "read_family"]


def read_family(path: Path) -> EnvFamily:
    """The family that the JSON file at `path` declares. Raises as `GymnasiumDeclaration.read`."""
    return family_of(GymnasiumDeclaration.read(path))


def family_of(declaration: GymnasiumDeclaration) -> EnvFamily:
    """The family of the one environment that is declared. Its rewards are of no declared range, so it declares none."""
    return EnvFamily(
        name=declaration.name,
        instructions={declaration.name: declaration.instruction},
        find_task=partial(_find_task, declaration),
        draw_start=partial(_draw_start, declaration),
        embodiment=partial(_embodiment, declaration),
        build=partial(_build, declaration),
        provenance=partial(_provenance, declaration),
        train_tasks=(declaration.name,),
        horizon=partial(_horizon, declaration),
    )


def _find_task(declaration: GymnasiumDeclaration, task: str) -> str:
    if task != declaration.name:
        raise UnknownName(f"task of {declaration.name}", task, [declaration.name], "docs/GUIDE.md#gymnasium")
    return task


def _draw_start(declaration: GymnasiumDeclaration, task: str, split: str, index: int) -> Start:
    seed = int(generator("gymnasium", _find_task(declaration, task), split, index).integers(2**31))
    return Start(declaration.name, task, {"seed": seed})


def _twin_start(declaration: GymnasiumDeclaration, start: Start) -> Start:
    return _draw_start(declaration, start.task, f"twin-{start.key}", 0)


def _embodiment(declaration: GymnasiumDeclaration, spec: EnvSpec) -> Embodiment:
    stock = make_stock(declaration)
    try:
        return embodiment_of(declaration, stock, spec)
    finally:
        stock.close()


def _build(declaration: GymnasiumDeclaration, spec: EnvSpec) -> Simulator:
    return build_wrapped(partial(_make, declaration), spec, partial(_twin_start, declaration))


def _make(declaration: GymnasiumDeclaration, spec: EnvSpec) -> Simulator:
    return GymnasiumSimulator(declaration, spec)


def _provenance(declaration: GymnasiumDeclaration) -> dict[str, Any]:
    """The declaration, and the version of gymnasium, of which that of another package says nothing."""
    return {"gymnasium": gymnasium.__version__, "declaration": declaration.to_json()}


def _horizon(declaration: GymnasiumDeclaration, task: str) -> int:
    return declaration.horizon
