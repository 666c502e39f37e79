"""Adapters to simulators, one `core.types.Env` each. Outside packages add theirs in the group `praxia.envs`."""

from praxia.core.registry import lookup
from praxia.core.types import Env, EnvSpec

ENVS = {"metaworld": "praxia.envs.metaworld.env:MetaWorld"}

__all__ = ["ENVS", "build"]


def build(spec: EnvSpec) -> Env:
    """The environment that `spec` names, inside its wrappers. Only that simulator is imported.

    Raises:
        UnknownName: the environment, its task, its render profile or a wrapper is not known.
    """
    from praxia.envs.wrappers import wrap

    def bare(plain: EnvSpec) -> Env:
        return lookup("envs", ENVS, plain.env, kind="environment", listing="praxia info --benchmarks")(plain)

    return wrap(spec, bare)
