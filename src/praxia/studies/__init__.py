"""Named studies, which call several verbs. Other packages add theirs with the entry-point group `praxia.studies`."""

STUDIES = {
    "delay": "praxia.studies.delay:delay",
    "demo": "praxia.studies.demo:demo",
    "dual": "praxia.studies.dual:dual",
    "heads": "praxia.studies.heads:heads",
    "mt50": "praxia.studies.mt50:mt50",
    "tabletop": "praxia.studies.tabletop:tabletop",
    "tabletop-expert": "praxia.studies.tabletop_expert:tabletop_expert",
    "worlds": "praxia.studies.worlds:worlds",
}
