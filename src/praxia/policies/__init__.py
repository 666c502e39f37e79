"""Encoder + Head = Policy. Models are registered here by tag; outside packages use the group `praxia.models`."""

MODELS = {
    "encoder-head": "praxia.policies.encoder_head:EncoderHead",
}
