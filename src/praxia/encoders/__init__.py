"""Observation -> Context. A part is registered here by tag; outside packages use the group `praxia.encoders`."""

ENCODERS = {
    "film-cnn": "praxia.encoders.film_cnn:FilmCNN",
    "no-text": "praxia.encoders.language:NoText",
    "state-only": "praxia.encoders.state_only:StateOnly",
    "subword-text": "praxia.encoders.language:SubwordText",
    "transformer-text": "praxia.encoders.transformer_text:TransformerText",
}
