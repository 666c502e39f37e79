"""A public vision-language model as the encoder of a policy: the step from a VLM to a VLA."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import FittedConfig
from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.layers import StateProjection
from praxia.encoders.public.families import Family, find_family
from praxia.encoders.public.files import build_model, load_weights, read_architecture, read_tokenizer
from praxia.encoders.public.language_model import PublicLanguageModel, add_adapters, attention_config, merge_adapters
from praxia.encoders.public.published import Published, find_published
from praxia.nn.layers import masked_mean, token_mask
from praxia.nn.stack import attention_layout
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, KVCache, Shapes
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["PublicVLM", "PublicVLMEncoder"]


@dataclass(frozen=True)
class PublicVLM(EncoderConfig, FittedConfig):
    """A public model encodes the images and the instruction as it was trained to; a head continues after the prompt.

    `model` is the public model by name (`encoders.public.published`) and `weights` the folder with its files, as on the
    Hub: config.json, tokenizer.json, safetensors. Without a folder the model can be built and counted, not trained. The
    folder may hold another size of the same family. `template` is the prompt's template, "" that of the family.

    `trained` says what learns: "all", "language" (the vision model is frozen), "adapters" (LoRA of `lora_rank` and
    `lora_alpha` on the language model, everything else of the public model frozen; merged when training ends) or
    "nothing". `depth` cuts the language model to its first layers (GR00T N1 takes the middle layer of one); 0: all.

    `fitted` is the folder's config.json. Two tokens follow the prompt, each of which attends to everything before it:
    the robot's state (unless the template has it as text) and a readout. The prompt does not attend to them, so that
    the public model's own answers do not change. Deviations: pi0 gives the state to the expert instead; images are
    padded to a square and scaled by bilinear interpolation, whatever the model's own processor does; SmolVLM's images
    are not split into tiles.
    """

    tag: ClassVar[str] = "public-vlm"
    training_only: ClassVar[frozenset[str]] = frozenset({"weights", "trained", "lora_rank", "lora_alpha"})

    model: str = "paligemma-3b-224"
    """Public model by name; docs/FIELD.md lists them."""
    weights: str = ""
    """Folder with the public model's files, as on the Hub."""
    template: str = ""
    """Template of the prompt; empty: that of the model's family."""
    trained: Literal["all", "language", "adapters", "nothing"] = "all"
    """What of the public model is trained."""
    lora_rank: int = 16
    """With adapters: their rank."""
    lora_alpha: float = 16.0
    """With adapters: their scale times the rank."""
    depth: int = 0
    """Layers of the language model that are used, from the first; 0: all."""

    @property
    def published(self) -> Published:
        return find_published(self.model)

    @property
    def family(self) -> Family:
        return find_family(self.published.family)

    def fit(self, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> "PublicVLM":
        """A copy with the architecture of the model in `weights`; `chunks` is not called.

        Raises:
            PraxiaError: no such folder, or files missing in it. MismatchError: a model of another family.
        """
        return replace(self, fitted=self._read_architecture())

    def _read_architecture(self) -> dict[str, Any]:
        if not self.weights:
            raise PraxiaError(
                f"encoder 'public-vlm' needs the files of {self.model}: `hf download {self.published.hub} --local-dir "
                "DIR`, then --model.encoder.weights DIR"
            )
        return read_architecture(Path(self.weights), self.published.family, self.model)

    @property
    def architecture(self) -> Any:
        """The `transformers` config as JSON: the folder's, or the published one."""
        return self.fitted or json.loads(json.dumps(self.published.config))

    def prompt_tokenizer(self, num_images: int) -> PromptTokenizer:
        """The model's own tokenizer, with the template and placeholders for a window's images."""
        family, config = self.family, self._read_architecture()
        return PromptTokenizer(
            tokenizer_json=read_tokenizer(Path(self.weights)),
            template=self.template or family.template,
            image=family.image(family.num_tokens(config, family.side(config))),
            num_images=num_images,
            question=family.template,
            answer=family.answer,
        )

    def build(self, shapes: Shapes) -> "PublicVLMEncoder":
        return PublicVLMEncoder(self, shapes)


class PublicVLMEncoder(Encoder):
    """See `PublicVLM`. Satisfies `nn.types.Pretrained`, `HasBackbone` and `AnswersQuestions`."""

    def __init__(self, config: PublicVLM, shapes: Shapes):
        super().__init__()
        self.config, self.cameras, self.family = config, shapes.cameras, config.family
        full_model = build_model(self.family.name, config.architecture, config.depth)
        full, text = full_model.config.to_dict(), full_model.config.text_config
        self.side = self.family.side(full)
        self.num_tokens = self.family.num_tokens(full, self.side)
        self.placeholder: int = full_model.config.image_token_id
        self.model = full_model.model
        # With tied embeddings the LM head has no weights of its own to save.
        self.lm_head = None if full_model.config.tie_word_embeddings else full_model.lm_head
        self.width = text.hidden_size
        self.provides = frozenset({"readout", "language_model", attention_config(text).kv_cache})
        self.state = StateProjection(shapes) if "{state}" not in config.template else None
        self.state_in = nn.Linear(self.state.width, self.width) if self.state is not None else None
        self.readout_token = nn.Parameter(torch.randn(self.width) * 0.02)

    @property
    def language_model(self) -> PublicLanguageModel:
        num_text_tokens = self.config.published.num_text_tokens
        return PublicLanguageModel(self._text_model, self.lm_head, self.family.grid_positions, num_text_tokens)

    @property
    def _text_model(self) -> nn.Module:
        return self.model.get_decoder()  # pyright: ignore[reportCallIssue]

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        yield from self.model.parameters()
        if self.lm_head is not None:
            yield from self.lm_head.parameters()

    def load(self) -> None:
        """Load the weights in the folder.

        Raises:
            MismatchError: some are missing or have another shape.
        """
        if self.readout_token.is_meta:
            model, lm_head = self.model, self.lm_head
            del self.model, self.lm_head  # which puts them last, as below
            self.model, self.lm_head = model, lm_head
            return
        has_lm_head, training = self.lm_head is not None, self.training
        del self.model, self.lm_head  # memory may not suffice for two
        loaded = load_weights(Path(self.config.weights), self.config.depth).train(training)
        self.model = loaded.model
        self.lm_head = loaded.lm_head if has_lm_head else None

    @property
    def trains_language(self) -> bool:
        """Whether any weight of the public model is trained."""
        return any(one.requires_grad for one in self.model.parameters())

    def adapt(self) -> None:
        """Freeze what `config.trained` leaves out, and add adapters if that is "adapters"."""
        trained = self.config.trained
        if trained == "all":
            return
        self.model.requires_grad_(False)
        if trained == "language":
            self._text_model.requires_grad_(True)
        elif self.lm_head is not None:
            self.lm_head.requires_grad_(False)
        if trained == "adapters":
            add_adapters(self._text_model, self.config.lora_rank, self.config.lora_alpha)

    def merge(self) -> None:
        """Merge the adapters into their weights; frozen weights can be trained again."""
        merge_adapters(self._text_model)
        self.requires_grad_(True)

    def forward(self, batch: Batch) -> Context:
        x, valid, position, next_position = self._prompt(batch)
        suffix = [] if self.state is None or self.state_in is None else [self.state_in(self.state(batch))]
        suffix.append(self.readout_token.expand(len(x), -1))
        order = torch.arange(len(suffix), device=x.device)
        x = torch.cat([x, torch.stack(suffix, dim=1).to(x.dtype)], dim=1)
        valid = torch.cat([valid, valid.new_ones(len(x), len(suffix))], dim=1)
        suffix_position = (next_position[:, None] + order).expand(*position.shape[:-1], -1)
        blocks = torch.cat([self._blocks(valid.shape[1] - len(suffix), x.device), valid.shape[1] + order])
        attended = attention_layout(valid, blocks, None)[1]
        hidden, layers = self.language_model.run_layers(
            x, torch.cat([position, suffix_position], dim=-1), attended, None
        )
        # No head continues after the readout, so the cache leaves it out.
        layers = tuple((key[:, :, :-1], value[:, :, :-1]) for key, value in layers)
        kv_cache = KVCache(layers, valid[:, :-1], next_position + len(suffix) - 1)
        last = hidden.shape[1]
        return Context(hidden, valid, {"readout": slice(last - 1, last)}, kv_cache, self.language_model)

    def image_tokens(self, images: Tensor) -> Float[Tensor, "B N D"]:
        """The tokens of one camera's images, step by step."""
        pixels = self.family.pixels(images.flatten(0, 1), self.side).to(self.readout_token.dtype)
        return self.family.image_features(self.model, pixels).unflatten(0, images.shape[:2]).flatten(1, 2)

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy per token of the answer, in nats, given the prompt and the tokens before it."""
        assert batch.answer is not None, "a VQA batch has answers"
        assert batch.answer_valid is not None
        logits = self.answer_logits(batch, batch.answer[:, :-1], batch.answer_valid[:, :-1])
        error = functional.cross_entropy(logits.flatten(0, 1).float(), batch.answer.flatten(), reduction="none")
        loss = masked_mean(error.view_as(batch.answer), batch.answer_valid, batch.share)
        return loss, {"answer": loss.detach()}

    def answer_logits(
        self, batch: Batch, answer: Int[Tensor, "B M"], answer_valid: Bool[Tensor, "B M"]
    ) -> Float[Tensor, "B M2 V"]:
        """The public model's logits after the prompt, and after each of M tokens of an answer: M + 1 per row."""
        x, valid, position, next_position = self._prompt(batch)
        attended = attention_layout(valid, self._blocks(valid.shape[1], x.device), None)[1]
        hidden, layers = self.language_model.run_layers(x, position, attended, None)
        # The last valid token of each row.
        end = (valid * torch.arange(valid.shape[1], device=x.device)).argmax(1)
        first = hidden[torch.arange(len(x), device=x.device), end][:, None]
        order = torch.arange(answer.shape[1], device=x.device)
        cache = KVCache(layers, valid, next_position)
        later, _ = self.language_model.decode(self.language_model.embed(answer), answer_valid, order, cache)
        return self.language_model.logits(torch.cat([first, later], dim=1))

    def _prompt(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "B L D"], Bool[Tensor, "B L"], Int[Tensor, "... B L"], Int[Tensor, " B"]]:
        """The embedded prompt, with the images' tokens at their placeholders.

        Also which tokens are valid, their positions, and the position after the last.
        """
        names = [name for name in self.cameras if name in batch.images]
        is_image = batch.text_valid & (batch.text == self.placeholder)
        num_images = sum(batch.images[name].shape[1] for name in names)
        # On other devices than the CPU, reading a number would wait for the device.
        if batch.text.device.type == "cpu" and (is_image.sum(1) != num_images * self.num_tokens).any():
            raise MismatchError(
                f"encoder 'public-vlm' got {num_images} images of {self.num_tokens} tokens, but the prompt has "
                f"{int(is_image[0].sum())} placeholders; train with the tokenizer of its own weights"
            )
        text = batch.text.masked_fill(is_image | ~batch.text_valid, 0)
        x, valid = self.language_model.embed(text), batch.text_valid
        if names:
            camera_tokens = {name: self.image_tokens(batch.images[name]) for name in names}
            x = x.masked_scatter(is_image[..., None], torch.cat(list(camera_tokens.values()), dim=1).to(x.dtype))
            # As in openpi, the tokens of an invalid image are not attended to and take no position.
            valid = valid.masked_scatter(is_image, token_mask(batch, camera_tokens, num_other=0))
        return x, valid, *self.family.positions(is_image & valid, valid, self.num_tokens)

    def _blocks(self, length: int, device: torch.device) -> Int[Tensor, " L"]:
        order = torch.arange(length, device=device)
        return order * 0 if self.family.bidirectional else order
