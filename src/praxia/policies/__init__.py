"""Encoder + Head = Policy. Models are registered here by tag; outside packages use the group `praxia.models`."""

MODELS = {
    "corrected": "praxia.policies.correction:Corrected",
    "dual": "praxia.policies.two_systems:Dual",
    "encoder-head": "praxia.policies.encoder_head:EncoderHead",
    "lewm": "praxia.worlds.lewm:LeWM",
}
