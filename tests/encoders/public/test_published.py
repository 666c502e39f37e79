import torch

from praxia.encoders.public.files import build_model
from praxia.encoders.public.published import PUBLISHED


def test_built_from_their_configs_public_models_have_as_many_parameters_as_published():
    for name, published in PUBLISHED.items():
        with torch.device("meta"):
            model = build_model(published.family, published.config, depth=0)
        assert sum(one.numel() for one in model.parameters()) == published.num_parameters, name
