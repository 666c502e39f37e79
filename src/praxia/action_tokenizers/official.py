"""Reads the official FAST tokenizers: folders as the Hub's `physical-intelligence/fast`."""

import json
from pathlib import Path
from typing import Any

from praxia.action_tokenizers.fast import Fast
from praxia.action_tokenizers.utf8_bpe import Utf8Bpe
from praxia.core.errors import MismatchError, PraxiaError

__all__ = ["load_official"]


def load_official(folder: Path, horizon: int, action_dim: int) -> Fast:
    """The code in `folder` (tokenizer.json and processor_config.json), for chunks of this horizon and dim.

    Its ids are those of the public code, for coefficients inside the alphabet. FAST+ names no horizon and no dim: it
    takes any, so they are arguments.

    Raises:
        PraxiaError: a file that is missing or of another format.
        MismatchError: the folder is for chunks of another horizon or number of dims.
    """
    config = _read_json(folder / "processor_config.json")
    model = folder / "tokenizer.json"
    content = _read_json(model)
    missing = {"scale", "min_token"} - config.keys()
    if missing:
        raise _broken(folder / "processor_config.json", f"it lacks {', '.join(sorted(missing))}")
    for name, value in (("time_horizon", horizon), ("action_dim", action_dim)):
        if config.get(name) not in (None, value):
            raise MismatchError(
                f"{folder} is for a {name} of {config[name]}, got {value}; fit a code for it: `praxia codes fit DATA`"
            )
    for kind, found in (("BPE", content.get("model")), ("ByteLevel", content.get("pre_tokenizer"))):
        if not isinstance(found, dict) or found.get("type") != kind:
            raise _broken(model, f"it is no byte-level BPE: {kind} is missing")
    integers = Utf8Bpe(json.dumps(content, ensure_ascii=False), int(config["min_token"]))
    return Fast(horizon, action_dim, float(config["scale"]), integers)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, why: str) -> PraxiaError:
    return PraxiaError(
        f"expected {path.name} of a FAST tokenizer in {path.parent}, which cannot be read: {why}; "
        "download the folder physical-intelligence/fast again"
    )
