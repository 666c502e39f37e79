"""Who reads on after the context: the encoder's own language model, in whose words actions are spoken."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.core.errors import MismatchError
from praxia.heads.prefix import Reading
from praxia.nn.types import Context, LanguageModel

__all__ = ["VLMTokenDecoder", "VLMTokens"]


@dataclass(frozen=True)
class VLMTokens(Config):
    """The language model that read the context goes on reading; ids of actions are the last ones of its vocabulary.

    RT-2 (arXiv 2307.15818), OpenVLA (arXiv 2406.09246): id i is word number vocabulary - 1 - `skip` - i. pi0-FAST skips
    the last 128, PaliGemma's words for parts of images. Only ids of actions can be said. Deviations: the first id
    follows a learned token instead of the prompt's last word, and every token's input also says how many numbers stand
    before it.
    """

    tag: ClassVar[str] = "vlm-tokens"
    skip: int = 0

    def build(self, context_width: int) -> "VLMTokenDecoder":
        return VLMTokenDecoder(self, context_width)


class VLMTokenDecoder(nn.Module):
    """See `VLMTokens`. Needs a language model that goes on reading; has no weights."""

    needs = frozenset({"language"})

    def __init__(self, config: VLMTokens, context_width: int):
        super().__init__()
        self.skip, self.width = config.skip, context_width

    def begin(self, context: Context) -> Reading:
        """The language model where it ended."""
        assert context.language is not None, "an encoder that gives language has one"
        assert context.stream is not None
        return Reading(context.language.read, context.stream, context)

    def words(self, vocabulary: int) -> tuple[nn.Module, nn.Module]:
        """The language model's own words: (ids, reading) -> what it reads for them, (hidden, reading) -> logits.

        Both raise MismatchError where it has too few words for so many ids.
        """
        return VLMTokenEmbedding(vocabulary, self.skip), VLMTokenLogits(vocabulary, self.skip)


class LastTokens(nn.Module):
    """The last `num` words of a language model before the `skip` that are left out."""

    def __init__(self, num: int, skip: int):
        super().__init__()
        self.num, self.skip = num, skip

    def find(self, reading: Reading) -> tuple[LanguageModel, int]:
        """The language model, and the number after the last of the words."""
        language = reading.context.language
        assert language is not None, "a reading of a language model has one"
        end = language.vocabulary - self.skip
        if self.num > end:
            raise MismatchError(
                f"expected a code of at most {end} ids, for which the language model has words, got {self.num}; "
                "fit a smaller one"
            )
        return language, end


class VLMTokenEmbedding(LastTokens):
    """Ids as the language model's embeddings."""

    def forward(self, ids: Int[Tensor, "B L"], reading: Reading) -> Float[Tensor, "B L D"]:
        language, end = self.find(reading)
        return language.embed(end - 1 - ids)


class VLMTokenLogits(LastTokens):
    """The language model's logits of the ids, in their order."""

    def forward(self, hidden: Float[Tensor, "B L D"], reading: Reading) -> Float[Tensor, "B L V"]:
        language, end = self.find(reading)
        return language.logits(hidden, slice(end - self.num, end)).flip(-1)
