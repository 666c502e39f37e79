"""Scripted experts, which use privileged state; injected noise and failures; baselines.

An expert is registered under its family of environments as a callable from that family's instructions
({task: text}) to a `Policy`. Outside packages use the entry-point group `praxia.experts`.
"""

from praxia.core.registry import lookup

__all__ = ["EXPERTS", "find_expert"]

EXPERTS = {
    "bimodal": "praxia.experts.bimodal:BimodalExpert",
    "metaworld": "praxia.experts.metaworld:MetaWorldExpert",
    "metaworld-evo1": "praxia.experts.metaworld:MetaWorldExpert",
    "metaworld-lerobot": "praxia.experts.metaworld:MetaWorldExpert",
    "metaworld-starvla": "praxia.experts.metaworld:MetaWorldExpert",
    "pusht": "praxia.experts.pusht.expert:PushTExpert",
    "tabletop-gantry": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm6": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm6-joints": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm7": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm7-joints": "praxia.experts.tabletop:TabletopExpert",
    "tworoom": "praxia.experts.tworoom:TwoRoomExpert",
}


def find_expert(env: str):
    """The callable that makes the expert of a family of environments.

    Raises:
        UnknownName: the family has no registered expert.
    """
    return lookup("experts", EXPERTS, env, kind="expert for environment", listing="praxia collect --help")
