"""Context -> actions. A part is registered here by tag; outside packages use the group `praxia.heads`."""

HEADS = {
    "flow": "praxia.heads.flow:Flow",
}
