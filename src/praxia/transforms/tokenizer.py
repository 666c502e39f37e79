"""Instructions to tokens: a small vocabulary fitted on the data, or a public model's tokenizer and its prompt."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from praxia.core.errors import PraxiaError

__all__ = ["NUM_STATE_BINS", "PromptTokenizer", "TextTokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"
# Far more than the longest instruction of any data set, so that a longer one at evaluation is not truncated.
MAX_LENGTH = 64

IMAGES, INSTRUCTION, STATE, ANSWER = "{images}", "{instruction}", "{state}", "{answer}"
# pi0.5 and pi0-FAST: each state dim as one of 256 numbers.
NUM_STATE_BINS = 256


@dataclass(frozen=True)
class TextTokenizer:
    """A byte-level BPE vocabulary, fitted on instructions. `tokenizer_json` is the JSON text of `tokenizers`.

    An unseen instruction still splits into known pieces. Text is lower-cased and truncated to `max_length` tokens.
    """

    tokenizer_json: str
    max_length: int

    @classmethod
    def fit(cls, instructions: Sequence[str], vocabulary: int = 512) -> "TextTokenizer":
        """Fit on the distinct instructions.

        Deterministic: neither the order nor the number of times an instruction is given matters.
        """
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[PAD, UNKNOWN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(set(instructions)), trainer)
        return cls(tokenizer.to_str(), MAX_LENGTH)

    @property
    def vocab_size(self) -> int:
        """The number of tokens. Token 0 is padding."""
        return self._tokenizer.get_vocab_size()

    @property
    def includes_state(self) -> bool:
        """Whether `encode` uses the states: never."""
        return False

    def encode(
        self, instructions: Sequence[str], states: Float32[np.ndarray, "B S"] | None = None
    ) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens, padded with 0 to the longest of these instructions, and which of them are valid."""
        return _pad([self._tokens_of(text) for text in instructions])

    def decode(self, tokens: Sequence[int]) -> str:
        """The lower-cased text of `tokens`."""
        return self._tokenizer.decode(list(tokens)).strip()

    def truncated(self, instructions: Iterable[str]) -> list[str]:
        """The distinct instructions of more than `max_length` tokens."""
        return [text for text in sorted(set(instructions)) if len(self._tokenizer.encode(text).ids) > self.max_length]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.tokenizer_json)

    @cached_property
    def _tokens_of(self):
        return lru_cache(maxsize=4096)(lambda text: self._tokenizer.encode(text).ids[: self.max_length])


@dataclass(frozen=True)
class PromptTokenizer:
    """A public model's own tokenizer and its prompt template. `tokenizer_json` is the JSON text of `tokenizers`.

    `template` holds "{images}" once, "{instruction}", and perhaps "{state}": the normalised state of the newest
    timestep as numbers 0 ... 255 with spaces between (pi0.5; openpi's `tokenizer.py`), each bin 2/256 wide, from -1.
    `image` is the text that stands for one image: the model's special tokens, with its placeholder once per image
    token. Instructions are stripped, and line ends in them become spaces. No special tokens are added beyond those in
    the template. `question` is the template of a question about one image, `answer` ("... {answer} ...") that of its
    answer. Instructions, questions and answers must not hold special tokens.

    Raises:
        PraxiaError: a template without "{images}" once, or without "{instruction}".
    """

    tokenizer_json: str
    template: str
    image: str
    num_images: int
    question: str
    answer: str

    def __post_init__(self) -> None:
        if self.template.count(IMAGES) != 1 or INSTRUCTION not in self.template:
            raise PraxiaError(f"expected a template with {IMAGES} once and {INSTRUCTION}, got {self.template!r}")

    @property
    def vocab_size(self) -> int:
        """The number of the tokenizer's tokens; a model may have embeddings for more."""
        return self._tokenizer.get_vocab_size()

    @property
    def includes_state(self) -> bool:
        """Whether the prompt holds the state as text."""
        return STATE in self.template

    def encode(
        self, instructions: Sequence[str], states: Float32[np.ndarray, "B S"]
    ) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens of the prompts, padded with 0 to the longest, and which of them are valid."""
        rows = zip(instructions, states, strict=True)
        return _pad([self._prompt(self.template, self.num_images, text, state) for text, state in rows])

    def encode_questions(self, questions: Sequence[str]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens of questions about one image each, padded with 0, and which of them are valid."""
        return _pad([self._prompt(self.question, 1, text, np.zeros(0, np.float32)) for text in questions])

    def encode_answers(self, answers: Sequence[str]) -> tuple[Int64[np.ndarray, "B M"], Bool[np.ndarray, "B M"]]:
        """Tokens of answers, padded with 0, and which of them are valid."""
        return _pad([self._tokens_of(self.answer.replace(ANSWER, self._expect_plain(text))) for text in answers])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, special tokens included."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=False)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _prompt(self, template: str, num_images: int, text: str, state: Float32[np.ndarray, " S"]) -> list[int]:
        # The placeholder is a special token, at which a tokenizer splits anyway: the text before and after it can be
        # encoded alone.
        before, after = (self._tokens_of(self._fill(piece, text, state)) for piece in template.split(IMAGES))
        return [*before, *self._tokens_of(self.image) * num_images, *after]

    def _fill(self, piece: str, instruction: str, state: Float32[np.ndarray, " S"]) -> str:
        if STATE in piece:
            bins = np.clip(np.floor((state + 1) / 2 * NUM_STATE_BINS), 0, NUM_STATE_BINS - 1).astype(int)
            piece = piece.replace(STATE, " ".join(map(str, bins)))
        return piece.replace(INSTRUCTION, self._expect_plain(" ".join(instruction.strip().split("\n"))))

    def _expect_plain(self, text: str) -> str:
        for token in self._special_tokens:
            if token in text:
                raise PraxiaError(
                    f"expected plain text, got {text[:80]!r}, which holds {token!r}, a special token of the model"
                )
        return text

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.tokenizer_json)

    @cached_property
    def _tokens_of(self):
        return lru_cache(maxsize=4096)(lambda text: self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _special_tokens(self) -> list[str]:
        return [added.content for added in self._tokenizer.get_added_tokens_decoder().values() if added.special]


def _pad(rows: Sequence[Sequence[int]]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
    """Rows padded with 0 to the longest, and which entries are valid. L is at least 1."""
    padded = np.zeros((len(rows), max(1, *map(len, rows))), dtype=np.int64)
    valid = np.zeros(padded.shape, dtype=bool)
    for row, tokens in enumerate(rows):
        padded[row, : len(tokens)] = tokens
        valid[row, : len(tokens)] = True
    return padded, valid
