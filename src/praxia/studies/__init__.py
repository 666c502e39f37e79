"""What calls several verbs. Outside packages add theirs with the entry-point group `praxia.studies`."""

STUDIES = {
    "demo": "praxia.studies.demo:demo",
}
