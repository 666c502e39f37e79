"""What calls several verbs. Outside packages add theirs with the entry-point group `praxia.studies`."""

STUDIES = {
    "demo": "praxia.studies.demo:demo",
    "tabletop": "praxia.studies.tabletop:tabletop",
    "tabletop-experts": "praxia.studies.tabletop_experts:tabletop_experts",
}
