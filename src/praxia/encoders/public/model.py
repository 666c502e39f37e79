"""A public vision-language model as the encoder of a policy: the step from a VLM to a VLA."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import Config
from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.public.adapters import add_adapters, merge_adapters
from praxia.encoders.public.families import Family, find_family
from praxia.encoders.public.files import build_model, load_weights, read_architecture, read_tokenizer
from praxia.encoders.public.language import PublicLanguage, attention_config
from praxia.encoders.public.published import find_published
from praxia.encoders.state_projection import StateProjection
from praxia.nn.masking import masked_mean, valid_tokens
from praxia.nn.stack import KVCache, attention_layout
from praxia.nn.types import Batch, Context, Shapes
from praxia.transforms.prompt_tokenizer import PromptTokenizer

__all__ = ["PublicVLM", "PublicVLMEncoder"]


@dataclass(frozen=True)
class PublicVLM(Config):
    """A model of a public family reads the images and the instruction as it was trained to; a head reads on.

    `model` is the public model by name (`encoders.public.published`) and `weights` the folder with its files, as the
    Hub lays them out: config.json, tokenizer.json, safetensors. Without a folder it can be built and counted, not
    trained. A folder may hold another size of the same family. `template` "" is the family's own way to be asked.

    `trained` says what learns: "all", "language" (the images' part is frozen), "adapters" (LoRA of `lora_rank` and
    `lora_alpha` on the language model, all else of the public model frozen; merged when training ends) or "nothing".
    `depth` cuts the language model to its first layers (GR00T N1 takes the middle of one); 0: all.

    After the prompt come one token of the robot's state (unless the template tells it in words) and a readout, each of
    which sees all before it; the prompt does not see them, so what the public model says is not changed. Deviations:
    pi0 gives the state to the expert's weights instead; images are padded to a square and scaled by bilinear
    interpolation, whatever the model's own processor does; SmolVLM's images are not split into tiles.
    """

    tag: ClassVar[str] = "public-vlm"
    model: str = "paligemma-3b-224"
    weights: str = ""
    template: str = ""
    trained: Literal["all", "language", "adapters", "nothing"] = "all"
    lora_rank: int = 16
    lora_alpha: float = 16.0
    depth: int = 0
    # The folder's config.json; training reads it.
    fitted: Any = None

    @property
    def family(self) -> Family:
        return find_family(find_published(self.model).family)

    def unfitted(self) -> "PublicVLM":
        """What it is as a network, without what says how it is trained and where its weights came from."""
        return PublicVLM(model=self.model, template=self.template, depth=self.depth)

    def fit(self) -> "PublicVLM":
        """With the architecture of the model that lies in `weights`.

        Raises:
            PraxiaError: no such folder, or files missing in it. MismatchError: a model of another family.
        """
        published = find_published(self.model)
        if not self.weights:
            raise PraxiaError(
                f"encoder 'public-vlm' needs the files of {self.model}: `hf download {published.hub} --local-dir DIR`, "
                "then --model.encoder.weights DIR"
            )
        return replace(self, fitted=read_architecture(Path(self.weights), published.family, self.model))

    @property
    def architecture(self) -> Any:
        """The `transformers` config as JSON: the folder's, or the published one."""
        return self.fitted or json.loads(json.dumps(find_published(self.model).config))

    def words(self, num_images: int) -> PromptTokenizer:
        """The model's own tokenizer, with the template and room for a window's images."""
        family, config = self.family, self.fit().architecture
        return PromptTokenizer(
            model=read_tokenizer(Path(self.weights)),
            template=self.template or family.template,
            image=family.image(family.num_tokens(config, family.side(config))),
            num_images=num_images,
            question=family.template,
            answer=family.answer,
        )

    def build(self, shapes: Shapes) -> "PublicVLMEncoder":
        return PublicVLMEncoder(self, shapes)


class PublicVLMEncoder(nn.Module):
    """See `PublicVLM`. Satisfies `nn.types.Pretrained`."""

    def __init__(self, config: PublicVLM, shapes: Shapes):
        super().__init__()
        self.config, self.cameras, self.family = config, shapes.cameras, config.family
        whole = build_model(self.family.name, config.architecture, config.depth)
        full, text = whole.config.to_dict(), whole.config.text_config
        self.side = self.family.side(full)
        self.num_tokens = self.family.num_tokens(full, self.side)
        self.placeholder: int = whole.config.image_token_id
        self.model = whole.model
        # Where words go in and come out by the same table, there is nothing but that table to save.
        self.say = None if whole.config.tie_word_embeddings else whole.lm_head
        self.width = text.hidden_size
        self.gives = frozenset({"readout", "language", attention_config(text).stream})
        self.state = StateProjection(shapes) if "{state}" not in config.template else None
        self.state_in = nn.Linear(self.state.width, self.width) if self.state is not None else None
        self.ask = nn.Parameter(torch.randn(self.width) * 0.02)

    @property
    def language(self) -> PublicLanguage:
        num_text_tokens = find_published(self.config.model).num_text_tokens
        return PublicLanguage(self._text_model, self.say, self.family.grid_positions, num_text_tokens)

    @property
    def _text_model(self) -> nn.Module:
        return self.model.get_decoder()  # pyright: ignore[reportCallIssue]

    def load(self) -> None:
        """Take over the weights in the folder.

        Raises:
            MismatchError: weights are missing in it or of other shapes.
        """
        has_say, training = self.say is not None, self.training
        del self.model, self.say  # there is not always room for two
        loaded = load_weights(Path(self.config.weights), self.config.depth).train(training)
        self.model = loaded.model
        self.say = loaded.lm_head if has_say else None

    @property
    def trains_language(self) -> bool:
        """Whether anything of the public model is trained."""
        return any(one.requires_grad for one in self.model.parameters())

    def adapt(self) -> None:
        """Freeze what `config.trained` leaves out, and add adapters where it asks for them."""
        trained = self.config.trained
        if trained == "all":
            return
        self.model.requires_grad_(False)
        if trained == "language":
            self._text_model.requires_grad_(True)
        elif self.say is not None:
            self.say.requires_grad_(False)
        if trained == "adapters":
            add_adapters(self._text_model, self.config.lora_rank, self.config.lora_alpha)

    def merge(self) -> None:
        """The weights that have adapters, with them and without; frozen weights may be trained again."""
        merge_adapters(self._text_model)
        self.requires_grad_(True)

    def forward(self, batch: Batch) -> Context:
        x, valid, position, following = self._prompt(batch)
        added = [] if self.state is None or self.state_in is None else [self.state_in(self.state(batch))]
        added.append(self.ask.expand(len(x), -1))
        ahead = torch.arange(len(added), device=x.device)
        x = torch.cat([x, torch.stack(added, dim=1).to(x.dtype)], dim=1)
        valid = torch.cat([valid, valid.new_ones(len(x), len(added))], dim=1)
        later = (following[:, None] + ahead).expand(*position.shape[:-1], -1)
        blocks = torch.cat([self._blocks(valid.shape[1] - len(added), x.device), valid.shape[1] + ahead])
        seen = attention_layout(valid, blocks, None)[1]
        hidden, layers = self.language.run(x, torch.cat([position, later], dim=-1), seen, None)
        # Nobody reads on after the readout: it is not in the stream.
        layers = tuple((key[:, :, :-1], value[:, :, :-1]) for key, value in layers)
        stream = KVCache(layers, valid[:, :-1], following + len(added) - 1)
        last = hidden.shape[1]
        return Context(hidden, valid, {"readout": slice(last - 1, last)}, stream, self.language)

    def see(self, images: Tensor) -> Float[Tensor, "B N D"]:
        """The tokens of one camera's images, moment after moment."""
        pixels = self.family.pixels(images.flatten(0, 1), self.side).to(self.ask.dtype)
        return self.family.see(self.model, pixels).unflatten(0, images.shape[:2]).flatten(1, 2)

    def answer_loss(self, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy of an id of the answer, in nats, given the prompt and the ids before it."""
        assert batch.answer is not None, "a batch of questions has answers"
        assert batch.answer_valid is not None
        logits = self.answer_logits(batch, batch.answer[:, :-1], batch.answer_valid[:, :-1])
        error = functional.cross_entropy(logits.flatten(0, 1).float(), batch.answer.flatten(), reduction="none")
        loss = masked_mean(error.view_as(batch.answer), batch.answer_valid)
        return loss, {"answer": loss.detach()}

    def answer_logits(
        self, batch: Batch, ids: Int[Tensor, "B M"], ids_valid: Bool[Tensor, "B M"]
    ) -> Float[Tensor, "B M2 V"]:
        """What the public model says after the prompt, and after each of `ids` (left to right): M + 1 in a row."""
        x, valid, position, following = self._prompt(batch)
        seen = attention_layout(valid, self._blocks(valid.shape[1], x.device), None)[1]
        hidden, layers = self.language.run(x, position, seen, None)
        # Each row's last word: behind it come no others that count.
        end = (valid * torch.arange(valid.shape[1], device=x.device)).argmax(1)
        first = hidden[torch.arange(len(x), device=x.device), end][:, None]
        order = torch.arange(ids.shape[1], device=x.device)
        later, _ = self.language.read(self.language.embed(ids), ids_valid, order, KVCache(layers, valid, following))
        return self.language.logits(torch.cat([first, later], dim=1))

    def _prompt(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "B L D"], Bool[Tensor, "B L"], Int[Tensor, "... B L"], Int[Tensor, " B"]]:
        """What the language model reads: words, with an image's tokens at its placeholders.

        Which of them count, their positions, and the position after the last.
        """
        names = [name for name in self.cameras if name in batch.images]
        is_image = batch.text_valid & (batch.text == self.placeholder)
        num_images = sum(batch.images[name].shape[1] for name in names)
        # Elsewhere than on the CPU, reading a number would wait for the device.
        if batch.text.device.type == "cpu" and (is_image.sum(1) != num_images * self.num_tokens).any():
            raise MismatchError(
                f"encoder 'public-vlm' got {num_images} images of {self.num_tokens} tokens, but the prompt has "
                f"{int(is_image[0].sum())} placeholders; train with the tokenizer of its own weights"
            )
        x, valid = self.language.embed(batch.text.masked_fill(is_image | ~batch.text_valid, 0)), batch.text_valid
        if names:
            seen = {name: self.see(batch.images[name]) for name in names}
            x = x.masked_scatter(is_image[..., None], torch.cat(list(seen.values()), dim=1).to(x.dtype))
            # As openpi does: the tokens of an image that is not valid are not seen and take no position.
            valid = valid.masked_scatter(is_image, valid_tokens(batch, seen, num_others=0))
        return x, valid, *self.family.positions(is_image & valid, valid, self.num_tokens)

    def _blocks(self, length: int, device: torch.device) -> Int[Tensor, " L"]:
        order = torch.arange(length, device=device)
        return order * 0 if self.family.bidirectional else order
