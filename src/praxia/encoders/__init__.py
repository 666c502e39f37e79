"""Observation -> Context. Encoders are registered here by tag; outside packages use the group `praxia.encoders`."""

ENCODERS = {
    "backbone": "praxia.encoders.backbone:Backbone",
    "backbone-grid": "praxia.encoders.backbone:BackboneGrid",
    "film-cnn": "praxia.encoders.film_cnn:FilmCNN",
    "fis": "praxia.encoders.fis:FiS",
    "intent": "praxia.encoders.intent:IntentText",
    "no-text": "praxia.encoders.text:NoText",
    "octo": "praxia.encoders.octo:Octo",
    "pooled-text": "praxia.encoders.text:PooledText",
    "public-vlm": "praxia.encoders.public.model:PublicVLM",
    "resnet": "praxia.encoders.resnet:ResNet",
    "resnet-grid": "praxia.encoders.resnet_grid:ResNetGrid",
    "rt1": "praxia.encoders.rt1:RT1",
    "state-only": "praxia.encoders.state_only:StateOnly",
    "transformer-text": "praxia.encoders.text:TransformerText",
    "vision-language": "praxia.encoders.vision_language:VisionLanguage",
    "vit": "praxia.encoders.vit:ViT",
}
