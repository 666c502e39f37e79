"""The network of an encoder-head policy: what training asks of it, and what a decision does."""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.errors import MismatchError
from praxia.nn.precision import bf16_arithmetic
from praxia.nn.pretrained import begin_with, finish_with
from praxia.nn.types import AnswersQuestions, Batch, Encoder, HasBackbone, Head, Pretrained

__all__ = ["EncoderHeadModel", "predict"]


class EncoderHeadModel(nn.Module):
    """See `EncoderHead` (`policies/encoder_head.py`).

    Satisfies `Trainable`, `BeginsAndFinishes`, `SamplesActions` (`nn.trainable`), and what the engine asks of a model
    that has a backbone or answers questions: `HasBackbone`, `AnswersQuestions`.
    """

    def __init__(self, encoder: Encoder, head: Head):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Load `weights`, or (None) the public ones that the encoder names, and freeze or adapt as its config says."""
        begin_with(self, self.encoder, weights)

    @property
    def finish_changes(self) -> bool:
        """Whether there are adapters to merge."""
        return isinstance(self.encoder, Pretrained)

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` with adapters merged, under the names from before training. The model then holds them."""
        return finish_with(self, self.encoder, weights)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A scalar and its metrics; randomness comes from `generator`. A VQA batch trains the language model alone."""
        if batch.answer is not None:
            return self.answer_loss(batch)
        if batch.is_first is not None:
            raise MismatchError("expected windows for an encoder and a head, got sequences; leave out sequence_length")
        return self.head.loss(self.encoder(batch), batch, generator)

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of entries that the loss is the mean of: tokens of answers, or what the head says."""
        return self.head.num_valid(batch) if batch.answer_valid is None else batch.answer_valid.sum()

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The encoder's loss of a VQA batch."""
        assert isinstance(self.encoder, AnswersQuestions), "a VQA batch needs a language model"
        return self.encoder.answer_loss(batch)

    @property
    def trains_language(self) -> bool:
        """Whether the encoder has a language model of which a weight is trained."""
        return isinstance(self.encoder, AnswersQuestions) and self.encoder.trains_language

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """Those of the encoder's backbone; none where it has no such model."""
        return self.encoder.backbone_parameters() if isinstance(self.encoder, HasBackbone) else iter(())

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The head's."""
        return self.head.noise_shape

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """Normalised action chunks, padded to the dims of the largest embodiment."""
        return self.head.sample(self.encoder(batch), noise, batch.embodiment)


def predict(model: EncoderHeadModel, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
    """`EncoderHeadModel.sample` in the arithmetic of the model's weights."""
    with bf16_arithmetic(model):
        return model.sample(batch, noise)
