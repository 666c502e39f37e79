"""Named, full configurations. Outside packages add theirs with the entry-point group `praxia.recipes`."""

RECIPES = {
    "act-bimodal": "praxia.recipes.bimodal:act_bimodal",
    "bins-bimodal": "praxia.recipes.bimodal:bins_bimodal",
    "diffusion-pusht": "praxia.recipes.pusht:diffusion_pusht",
    "diffusion-transformer-bimodal": "praxia.recipes.bimodal:diffusion_transformer_bimodal",
    "diffusion-unet-bimodal": "praxia.recipes.bimodal:diffusion_unet_bimodal",
    "diffusion-unet-pusht": "praxia.recipes.pusht:diffusion_unet_pusht",
    "dit-bimodal": "praxia.recipes.bimodal:dit_bimodal",
    "fast-bimodal": "praxia.recipes.bimodal:fast_bimodal",
    "flow-bimodal": "praxia.recipes.bimodal:flow_bimodal",
    "flow-pusht": "praxia.recipes.pusht:flow_pusht",
    "flow-metaworld": "praxia.recipes.metaworld:flow_metaworld",
    "flow-metaworld-blind": "praxia.recipes.metaworld:flow_metaworld_blind",
    "flow-tabletop": "praxia.recipes.tabletop:flow_tabletop",
    "flow-tabletop-bodies": "praxia.recipes.tabletop:flow_tabletop_bodies",
    "flow-tabletop-language-free": "praxia.recipes.tabletop:flow_tabletop_language_free",
    "oft-bimodal": "praxia.recipes.bimodal:oft_bimodal",
    "parallel-bins-bimodal": "praxia.recipes.bimodal:parallel_bins_bimodal",
    "regression-bimodal": "praxia.recipes.bimodal:regression_bimodal",
    "regression-pusht": "praxia.recipes.pusht:regression_pusht",
}
