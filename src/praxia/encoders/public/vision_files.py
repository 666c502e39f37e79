"""A public vision model's files, in a folder or on the Hub: config.json, preprocessor_config.json, safetensors."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError, UnknownName, optional_import
from praxia.core.files import sha256_file
from praxia.encoders.public.files import import_transformers, load_checked

__all__ = ["build_vision_model", "find_folder", "load_vision_model", "read_vision"]

NEEDED_BY = "a public vision model"
HUB = "hf://"
FILES = ("config.json", "preprocessor_config.json", "*.safetensors")


def find_folder(weights: str) -> Path:
    """The folder with the files of a public model: a path, or that of `hf://ORG/NAME[@REVISION]` in the Hub's cache.

    What the cache lacks is downloaded.

    Raises:
        PraxiaError: no such folder, files missing in it, or the Hub does not give them.
    """
    folder = _from_hub(weights.removeprefix(HUB)) if weights.startswith(HUB) else Path(weights)
    if lacking := _lacking(folder):
        raise PraxiaError(
            f"expected the files of a public vision model at {weights} ({', '.join(FILES)}), got no {lacking[0]}; "
            "`hf download ORG/NAME --local-dir DIR` copies a model's"
        )
    return folder


def _lacking(folder: Path) -> list[str]:
    return [name for name in FILES if not any(folder.glob(name))]


def _from_hub(name: str) -> Path:
    """The folder in the Hub's cache, downloaded where the cache lacks a file."""
    with optional_import("a model of the Hub", "vlm"):
        from huggingface_hub import snapshot_download

    repo, _, revision = name.partition("@")
    wanted: dict[str, Any] = {"revision": revision or None, "allow_patterns": [*FILES, "*.safetensors.index.json"]}
    try:
        cached = Path(snapshot_download(repo, local_files_only=True, **wanted))
        return Path(snapshot_download(repo, **wanted)) if _lacking(cached) else cached
    except (OSError, ValueError):
        pass
    try:
        return Path(snapshot_download(repo, **wanted))
    except (OSError, ValueError) as error:  # no such name, no network, or a model behind a licence
        reason = str(error).strip().splitlines()[0]
        raise PraxiaError(
            f"expected {HUB}ORG/NAME[@REVISION] in the Hub's cache or on the Hub, got {HUB}{name}: {reason}; "
            f"`hf download {repo} --local-dir DIR`, where there is a network and a login, copies the files"
        ) from error


def read_vision(folder: Path, families: Iterable[str]) -> dict[str, Any]:
    """{config, image_size, mean, std, weights_sha256} of the vision model in `folder`, as JSON.

    `config` is the library's, of the vision tower alone; `image_size` is the side in pixels of the images in
    pretraining, and `mean` and `std` of channels in [0, 1] are what the model's processor normalises by. The hash
    covers the hashes of all safetensors, in the order of their names.

    Raises:
        MissingPackage: `transformers` is not installed, or too old. UnknownName: a model of none of `families`.
        PraxiaError: a processor whose images have no size.
    """
    config = import_transformers(NEEDED_BY).AutoConfig.from_pretrained(folder, local_files_only=True)
    config = json.loads(json.dumps(getattr(config, "vision_config", config).to_dict()))
    # Of the library that reads it, not of the model.
    config.pop("transformers_version", None)
    if config["model_type"] not in families:
        raise UnknownName("family of vision models", config["model_type"], families, "docs/FIELD.md")
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    size = processor.get("crop_size") or processor.get("size")
    side = max((one for one in size.values() if one), default=None) if isinstance(size, Mapping) else size
    if not side:
        raise PraxiaError(
            f"expected the size of an image in {folder / 'preprocessor_config.json'}, got {size}; copy the folder again"
        )
    normalises = processor.get("do_normalize", True)
    hashes = [sha256_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return {
        "config": config,
        "image_size": int(side),
        "mean": processor["image_mean"] if normalises else [0.0] * 3,
        "std": processor["image_std"] if normalises else [1.0] * 3,
        "weights_sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
    }


def build_vision_model(name: str, config: Mapping[str, Any]) -> Any:
    """The library's model of class `name` with fresh float32 weights.

    Raises:
        MissingPackage: `transformers` is not installed, or too old.
    """
    import torch

    sizes = {key: value for key, value in config.items() if key not in ("model_type", "dtype")}
    model_class = getattr(import_transformers(NEEDED_BY), name)
    model = model_class(model_class.config_class(**sizes))
    return model.to(torch.float32)


def load_vision_model(name: str, folder: Path) -> Any:
    """The library's model of class `name` with the weights in `folder`, in float32 whatever the data type of its files.

    Raises:
        MismatchError: weights are missing in the files or have another shape.
    """
    transformers = import_transformers(NEEDED_BY)
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    return load_checked(getattr(transformers, name), folder, getattr(config, "vision_config", config))
