"""Named, full configurations. Outside packages add theirs with the entry-point group `praxia.recipes`."""

RECIPES = {
    "flow-metaworld": "praxia.recipes.metaworld:flow_metaworld",
    "flow-metaworld-blind": "praxia.recipes.metaworld:flow_metaworld_blind",
    "flow-tabletop": "praxia.recipes.tabletop:flow_tabletop",
    "flow-tabletop-bodies": "praxia.recipes.tabletop:flow_tabletop_bodies",
    "flow-tabletop-language-free": "praxia.recipes.tabletop:flow_tabletop_language_free",
}
