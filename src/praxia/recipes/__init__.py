"""Named, full configurations. Outside packages add theirs with the entry-point group `praxia.recipes`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from praxia.core.registry import lookup

if TYPE_CHECKING:
    from praxia.training.config import TrainRun

__all__ = ["RECIPES", "find_recipe"]

RECIPES = {
    "act": "praxia.recipes.known:act",
    "act-bimodal": "praxia.recipes.bimodal:act_bimodal",
    "act-published": "praxia.recipes.known_published:act_published",
    "act-tabletop-heads": "praxia.recipes.tabletop_heads:act_tabletop_heads",
    "bins-bimodal": "praxia.recipes.bimodal:bins_bimodal",
    "bins-tabletop-heads": "praxia.recipes.tabletop_heads:bins_tabletop_heads",
    "diffusion-policy-transformer": "praxia.recipes.known:diffusion_policy_transformer",
    "diffusion-policy-transformer-published": "praxia.recipes.known_published:diffusion_policy_transformer_published",
    "diffusion-policy-unet": "praxia.recipes.known:diffusion_policy_unet",
    "diffusion-policy-unet-published": "praxia.recipes.known_published:diffusion_policy_unet_published",
    "diffusion-pusht": "praxia.recipes.pusht:diffusion_pusht",
    "diffusion-transformer-bimodal": "praxia.recipes.bimodal:diffusion_transformer_bimodal",
    "diffusion-unet-bimodal": "praxia.recipes.bimodal:diffusion_unet_bimodal",
    "diffusion-unet-pusht": "praxia.recipes.pusht:diffusion_unet_pusht",
    "diffusion-unet-tabletop-heads": "praxia.recipes.tabletop_heads:diffusion_unet_tabletop_heads",
    "dit-bimodal": "praxia.recipes.bimodal:dit_bimodal",
    "dit-tabletop-heads": "praxia.recipes.tabletop_heads:dit_tabletop_heads",
    "dino-wm": "praxia.recipes.worlds:dino_wm",
    "fast-bimodal": "praxia.recipes.bimodal:fast_bimodal",
    "fast-tabletop-heads": "praxia.recipes.tabletop_heads:fast_tabletop_heads",
    "fis-tabletop": "praxia.recipes.two_systems:fis_tabletop",
    "flow": "praxia.recipes.generic:flow",
    "flow-bimodal": "praxia.recipes.bimodal:flow_bimodal",
    "flow-corrected": "praxia.recipes.generic:flow_corrected",
    "flow-language-free-tabletop-heads": "praxia.recipes.tabletop_heads:flow_language_free_tabletop_heads",
    "flow-metaworld": "praxia.recipes.metaworld:flow_metaworld",
    "flow-metaworld-blind": "praxia.recipes.metaworld:flow_metaworld_blind",
    "flow-mt50": "praxia.recipes.metaworld:flow_mt50",
    "flow-pusht": "praxia.recipes.pusht:flow_pusht",
    "flow-foresight-tworoom": "praxia.recipes.worlds:flow_foresight_tworoom",
    "flow-tworoom": "praxia.recipes.worlds:flow_tworoom",
    "flow-tabletop": "praxia.recipes.tabletop:flow_tabletop",
    "flow-tabletop-embodiments": "praxia.recipes.tabletop:flow_tabletop_embodiments",
    "flow-tabletop-heads": "praxia.recipes.tabletop_heads:flow_tabletop_heads",
    "flow-tabletop-language-free": "praxia.recipes.tabletop:flow_tabletop_language_free",
    "goal-inverse-tworoom": "praxia.recipes.tworoom:goal_inverse_tworoom",
    "gr00t-n1": "praxia.recipes.vla:gr00t_n1",
    "gr00t-n1-published": "praxia.recipes.vla_published:gr00t_n1_published",
    "helix-tabletop": "praxia.recipes.two_systems:helix_tabletop",
    "helix-tabletop-embodiments": "praxia.recipes.two_systems:helix_tabletop_embodiments",
    "idm-tabletop": "praxia.recipes.inverse_dynamics:idm_tabletop",
    "octo": "praxia.recipes.known:octo",
    "octo-published": "praxia.recipes.known_published:octo_published",
    "bins-tworoom": "praxia.recipes.worlds:bins_tworoom",
    "lapa-tworoom": "praxia.recipes.worlds:lapa_tworoom",
    "lewm-pusht": "praxia.recipes.worlds:lewm_pusht",
    "lewm-tworoom": "praxia.recipes.worlds:lewm_tworoom",
    "oft-bimodal": "praxia.recipes.bimodal:oft_bimodal",
    "oft-tabletop-heads": "praxia.recipes.tabletop_heads:oft_tabletop_heads",
    "openvla": "praxia.recipes.vla:openvla",
    "openvla-oft": "praxia.recipes.vla:openvla_oft",
    "openvla-oft-published": "praxia.recipes.vla_published:openvla_oft_published",
    "openvla-published": "praxia.recipes.vla_published:openvla_published",
    "parallel-bins-bimodal": "praxia.recipes.bimodal:parallel_bins_bimodal",
    "pi0": "praxia.recipes.vla:pi0",
    "pi0-fast": "praxia.recipes.vla:pi0_fast",
    "pi0-fast-published": "praxia.recipes.vla_published:pi0_fast_published",
    "pi0-published": "praxia.recipes.vla_published:pi0_published",
    "pi05": "praxia.recipes.vla:pi05",
    "pi05-published": "praxia.recipes.vla_published:pi05_published",
    "regression-bimodal": "praxia.recipes.bimodal:regression_bimodal",
    "regression-pusht": "praxia.recipes.pusht:regression_pusht",
    "regression-tabletop-heads": "praxia.recipes.tabletop_heads:regression_tabletop_heads",
    "regression-tworoom": "praxia.recipes.tworoom:regression_tworoom",
    "regression-tworoom-goal-free": "praxia.recipes.tworoom:regression_tworoom_goal_free",
    "rt1": "praxia.recipes.known:rt1",
    "rt1-published": "praxia.recipes.known_published:rt1_published",
    "uwm-tworoom": "praxia.recipes.worlds:uwm_tworoom",
    "world-decoder": "praxia.recipes.worlds:world_decoder",
}


def find_recipe(name: str) -> "Callable[[], TrainRun]":
    """The recipe called `name`.

    Raises:
        UnknownName: with the nearest names.
    """
    return lookup("recipes", RECIPES, name, kind="recipe", listing="praxia recipes")
