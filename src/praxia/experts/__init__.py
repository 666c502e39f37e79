"""Policies with privileged state.

An expert is registered under its family of environments as a callable from that family's instructions
({task: text}) to a `Policy`; outside packages use the entry-point group `praxia.experts`.
"""

from praxia.core.registry import lookup

__all__ = ["EXPERTS", "find_expert"]

EXPERTS = {
    "bimodal": "praxia.experts.bimodal:BimodalExpert",
    "metaworld": "praxia.experts.scripted:ScriptedExpert",
    "metaworld-evo1": "praxia.experts.scripted:ScriptedExpert",
    "metaworld-lerobot": "praxia.experts.scripted:ScriptedExpert",
    "metaworld-starvla": "praxia.experts.scripted:ScriptedExpert",
    "pusht": "praxia.experts.pusht.expert:PushTExpert",
    "tabletop-gantry": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm6": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm6-joints": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm7": "praxia.experts.tabletop:TabletopExpert",
    "tabletop-arm7-joints": "praxia.experts.tabletop:TabletopExpert",
}


def find_expert(env: str):
    """What makes the expert of a family of environments.

    Raises:
        UnknownName: no expert is registered for it.
    """
    return lookup("experts", EXPERTS, env, kind="expert for environment", listing="praxia collect --help")
