"""What a model of which an encoder may have public weights does before and after training (`BeginsAndFinishes`)."""

from collections.abc import Mapping

from torch import Tensor, nn

from praxia.nn.types import Pretrained

__all__ = ["begin_with", "finish_with"]


def begin_with(model: nn.Module, encoder: nn.Module | None, weights: Mapping[str, Tensor] | None) -> None:
    """Load `weights`, or (None) the public ones that the encoder names, and freeze or adapt as its config says."""
    public = encoder if isinstance(encoder, Pretrained) else None
    if weights is not None:
        model.load_state_dict(dict(weights))
    elif public is not None:
        public.load()
    if public is not None:
        public.adapt()


def finish_with(model: nn.Module, encoder: nn.Module | None, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
    if not isinstance(encoder, Pretrained):
        return weights
    model.load_state_dict(dict(weights))
    encoder.merge()
    return model.state_dict()
