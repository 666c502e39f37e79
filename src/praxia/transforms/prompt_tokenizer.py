"""Instructions in the words of a public language model: its tokenizer, and a template around what is told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from tokenizers import Tokenizer

from praxia.core.errors import PraxiaError
from praxia.transforms.padding import padded

__all__ = ["NUM_STATE_BINS", "PromptTokenizer"]

IMAGES, INSTRUCTION, STATE, ANSWER = "{pictures}", "{instruction}", "{state}", "{answer}"
# pi0.5 and pi0-FAST: each state dim as one of 256 numbers.
NUM_STATE_BINS = 256


@dataclass(frozen=True)
class PromptTokenizer:
    """A prompt template in the ids of a model's own tokenizer (the `tokenizers` library's JSON, as a value).

    `template` holds "{images}" once, "{instruction}", and perhaps "{state}": the normalised state of the newest
    moment as numbers 0 ... 255 with spaces between (pi0.5; openpi's `tokenizer.py`), a bin being 2/256 wide from -1.
    `image` is what stands for one image: marks of the model, and its placeholder once for each of the image's
    tokens. Instructions are stripped, and line ends in them become spaces. No special ids are added but those that the
    template names. `question` is the template of a question about one image, `answer` ("... {answer} ...") that of
    what is said to it. Instructions, questions and answers must not hold marks of the model.

    Raises:
        PraxiaError: a template without "{images}" once, or without "{instruction}".
    """

    model: str
    template: str
    image: str
    num_images: int
    question: str
    answer: str

    def __post_init__(self) -> None:
        if self.template.count(IMAGES) != 1 or INSTRUCTION not in self.template:
            raise PraxiaError(f"expected a template with {IMAGES} once and {INSTRUCTION}, got {self.template!r}")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.model)

    @cached_property
    def _ids(self):
        return lru_cache(maxsize=4096)(lambda text: self._tokenizer.encode(text, add_special_tokens=False).ids)

    @property
    def size(self) -> int:
        """How many ids the tokenizer has; a model may have rows for more."""
        return self._tokenizer.get_vocab_size()

    @property
    def tells_state(self) -> bool:
        """Whether the state is told in words."""
        return STATE in self.template

    def encode(
        self, instructions: Sequence[str], states: Float32[np.ndarray, "B S"]
    ) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids of the whole prompt, padded with 0 to the longest, and which of them count."""
        told = zip(instructions, states, strict=True)
        return padded([self._row(self.template, self.num_images, text, state) for text, state in told])

    def ask(self, vqa: Sequence[str]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids of questions about one image each, padded with 0, and which of them count."""
        return padded([self._row(self.question, 1, text, np.zeros(0, np.float32)) for text in vqa])

    def answers(self, texts: Sequence[str]) -> tuple[Int64[np.ndarray, "B M"], Bool[np.ndarray, "B M"]]:
        """Ids of what is to be said, padded with 0, and which of them count."""
        return padded([self._ids(self.answer.replace(ANSWER, self._plain(text))) for text in texts])

    def decode(self, ids: Sequence[int]) -> str:
        """The text behind `ids`, marks included."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def _row(self, template: str, num_images: int, told: str, state: Float32[np.ndarray, " S"]) -> list[int]:
        # Placeholders are special ids, at which a tokenizer splits anyway: what is before and after can be read alone.
        before, after = (self._ids(self._fill(part, told, state)) for part in template.split(IMAGES))
        return [*before, *self._ids(self.image) * num_images, *after]

    def _fill(self, part: str, instruction: str, state: Float32[np.ndarray, " S"]) -> str:
        if STATE in part:
            bins = np.clip(np.floor((state + 1) / 2 * NUM_STATE_BINS), 0, NUM_STATE_BINS - 1).astype(int)
            part = part.replace(STATE, " ".join(map(str, bins)))
        return part.replace(INSTRUCTION, self._plain(" ".join(instruction.strip().split("\n"))))

    def _plain(self, text: str) -> str:
        for mark in self._marks:
            if mark in text:
                raise PraxiaError(f"expected plain text, got {text[:80]!r}, which holds {mark!r}, a mark of the model")
        return text

    @cached_property
    def _marks(self) -> list[str]:
        return [added.content for added in self._tokenizer.get_added_tokens_decoder().values() if added.special]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
