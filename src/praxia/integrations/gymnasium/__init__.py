"""Praxia's environments in gymnasium: importing this package registers one for each family of environments.

    import gymnasium
    import praxia.integrations.gymnasium

    env = gymnasium.make("praxia/tabletop-gantry-v0", task="touch", reward="dense")
    envs = gymnasium.make_vec("praxia/metaworld-v0", num_envs=8, task="reach", workers=2)

`gymnasium.make("praxia.integrations.gymnasium:praxia/tabletop-gantry-v0")` imports it, too. Nothing is imported of a
simulator before one of its environments is made. `env.PraxiaEnv` has the keyword arguments, `vector.PraxiaVectorEnv`
those of vectors.
"""

from praxia.core.errors import optional_import
from praxia.core.registry import names
from praxia.envs import ENVS

with optional_import("Praxia's environments in gymnasium", "gymnasium"):
    from gymnasium import register

__all__ = ["environment_ids"]


def environment_ids() -> list[str]:
    """What `gymnasium.make` takes: "praxia/NAME-v0" for each family of environments, those of other packages too."""
    return [f"praxia/{name}-v0" for name in names("envs", ENVS)]


for _name in names("envs", ENVS):
    register(
        f"praxia/{_name}-v0",
        entry_point="praxia.integrations.gymnasium.env:PraxiaEnv",
        vector_entry_point="praxia.integrations.gymnasium.vector:PraxiaVectorEnv",
        kwargs={"family": _name},
    )
