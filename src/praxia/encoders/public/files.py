"""A public model's folder, as the Hub lays it out: config.json, tokenizer.json, safetensors. Nothing is unpickled."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from praxia.core.errors import MismatchError, MissingPackage, PraxiaError, optional_import

__all__ = ["build_model", "import_transformers", "load_checked", "load_weights", "read_architecture", "read_tokenizer"]


def read_architecture(folder: Path, family: str, expected: str) -> dict[str, Any]:
    """The `transformers` config of the model in `folder`, as JSON.

    Raises:
        PraxiaError: no config or no safetensors. MismatchError: a model of another family than `expected`.
        MissingPackage: `transformers` is not installed, or too old.
    """
    path = folder / "config.json"
    if not path.is_file() or not any(folder.glob("*.safetensors")):
        raise PraxiaError(
            f"expected the files of a public model at {folder} (config.json, tokenizer.json, *.safetensors), got "
            f"{'no safetensors' if path.is_file() else 'no config.json'}"
        )
    found = json.loads(path.read_text()).get("model_type")
    if found != family:
        raise MismatchError(
            f"expected a model of the family {family!r} at {folder}, as {expected} is, got {found!r}; name a model of "
            "that family with --model.encoder.model, or other weights"
        )
    # Through the library, so that files of its earlier versions are understood.
    config = import_transformers().AutoConfig.from_pretrained(folder, local_files_only=True)
    return json.loads(json.dumps(config.to_dict()))


def read_tokenizer(folder: Path) -> str:
    """The text of tokenizer.json.

    Raises:
        PraxiaError: there is none.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise PraxiaError(f"expected the tokenizer of a public model at {path}, got nothing")
    return path.read_text()


def build_model(family: str, architecture: Mapping[str, Any], depth: int) -> Any:
    """A model with fresh float32 weights; a `depth` above 0 keeps only that many layers of its language model.

    Raises:
        MissingPackage: `transformers` is not installed, or too old.
    """
    import torch

    library = import_transformers()
    sizes = {key: value for key, value in architecture.items() if key != "model_type"}
    config = library.AutoConfig.for_model(family, **sizes)
    _cut(config, depth)
    # A config names the data type of its files; training and checkpoints here are in float32.
    model = library.AutoModelForImageTextToText
    return model.from_config(config, attn_implementation="sdpa", dtype=torch.float32)


def load_weights(folder: Path, depth: int) -> Any:
    """The model in `folder` in float32, whatever the data type of its files; see `build_model` for `depth`.

    Raises:
        MismatchError: weights are missing in the files or have another shape.
        MissingPackage: `transformers` is not installed, or too old.
    """
    library = import_transformers()
    config = library.AutoConfig.from_pretrained(folder, local_files_only=True)
    _cut(config, depth)
    return load_checked(library.AutoModelForImageTextToText, folder, config, attn_implementation="sdpa")


def load_checked(model_class: Any, folder: Path, config: Any, **options: Any) -> Any:
    """A library's model with the weights in `folder`, in float32 and complete; nothing is unpickled or downloaded.

    Raises:
        MismatchError: weights are missing in the files or have another shape.
    """
    with _quiet():
        model, found = model_class.from_pretrained(
            folder,
            config=config,
            dtype="float32",
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    wrong = [str(key) for key in (*found["missing_keys"], *found["mismatched_keys"])]
    if wrong:
        raise MismatchError(
            f"the safetensors in {folder} do not fit its config.json: {len(wrong)} weights are missing or of another "
            f"shape, {sorted(wrong)[0]} among them; copy the folder again"
        )
    return model


def import_transformers(needed_by: str = "a public vision-language model") -> Any:
    """The library, in a version whose models and configs are those that this package describes.

    Raises:
        MissingPackage: it is not installed, or too old.
    """
    with optional_import(needed_by, "vlm"):
        import transformers
    if int(transformers.__version__.partition(".")[0]) < 5:
        raise MissingPackage(needed_by, f"transformers>=5 (got {transformers.__version__})", "vlm")
    return transformers


def _cut(config: Any, depth: int) -> None:
    text = config.text_config
    if not 0 <= depth <= text.num_hidden_layers:
        raise MismatchError(f"expected a depth of at most {text.num_hidden_layers} layers, got {depth}")
    text.num_hidden_layers = depth or text.num_hidden_layers
    if depth and getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:depth]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's progress bars and its report of unused weights."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
