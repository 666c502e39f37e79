"""Images with questions and answers, to train a language model beside the actions."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from praxia.core.errors import DataError
from praxia.core.files import sha256_file
from praxia.data.images import fit_inside, pad_to

__all__ = ["VQAData", "VQAItem", "read_vqa"]

# LLaVA's placeholder for the image in a text.
IMAGE_MARK = "<image>"

HASHED_IMAGES = 1000


@dataclass(frozen=True)
class VQAItem:
    """One question about one image, and its answer."""

    image: Path
    text: str
    answer: str


@dataclass(frozen=True)
class VQAData:
    """All questions of a file. Its `num_without_image` conversations without an image are left out.

    `content_sha256` is the hash of the file, `images_sha256` that of the images.
    """

    path: Path
    items: tuple[VQAItem, ...]
    num_without_image: int
    content_sha256: str

    def to_json(self) -> dict[str, Any]:
        """The identity that a run records."""
        return {
            "path": str(self.path),
            "content_sha256": self.content_sha256,
            "images_sha256": self.images_sha256(),
            "number": len(self),
        }

    def __len__(self) -> int:
        return len(self.items)

    def images_sha256(self) -> str:
        """A hash of the names and sizes of all images and of the bytes of at most a thousand of them."""
        paths = sorted({one.image for one in self.items})
        read = set(paths[:: -(-len(paths) // HASHED_IMAGES)])
        found = [
            [os.path.relpath(path, self.path.parent), path.stat().st_size, sha256_file(path) if path in read else None]
            for path in paths
        ]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def images(self, rows: np.ndarray, side: int) -> UInt8[np.ndarray, "B 1 P P 3"]:
        """The images of the questions `rows`, letterboxed into squares of `side` pixels.

        Raises:
            DataError: an image is missing or cannot be decoded.
        """
        return np.stack([_image(self.items[row].image, side)[None] for row in rows])


def read_vqa(path: Path) -> VQAData:
    """Read LLaVA's format (arXiv 2304.08485): a JSON list, or JSON lines, of {"image", "conversations"}.

    "image" is relative to the file's folder, "conversations" a list of {"from": "human" | "gpt", "value"} in turns.
    Each turn becomes a separate question, without the turns before it.

    Raises:
        DataError: the file is missing or an entry has another form; names the entry.
    """
    if not path.is_file():
        raise DataError(f"expected questions at {path}, got nothing; a JSON list of {{image, conversations}}")
    content = path.read_bytes()
    try:
        text = content.decode()
        is_list = text.lstrip().startswith("[")
        entries = json.loads(text) if is_list else [json.loads(one) for one in text.splitlines() if one.strip()]
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    items, num_without = [], 0
    for number, entry in enumerate(entries):
        try:
            if "image" in entry:
                items += _turns(entry, path.parent)
            else:
                num_without += 1
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise DataError(
                f"{path}: expected {{image, conversations: [{{from, value}}, ...]}} in entry {number}, got "
                f"{str(entry)[:80]} ({type(error).__name__}: {error})"
            ) from None
    missing = [one.image for one in items if not one.image.is_file()]
    if missing:
        raise DataError(f"{path}: {len(missing)} of {len(items)} questions have no image, {missing[0]} among them")
    if not items:
        raise DataError(f"{path} has no question about an image; {num_without} conversations without one")
    return VQAData(path, tuple(items), num_without, hashlib.sha256(content).hexdigest())


def _turns(entry: Any, folder: Path) -> list[VQAItem]:
    turns = entry["conversations"]
    if len(turns) % 2:
        raise ValueError(f"{len(turns)} turns")
    found = []
    for question, reply in zip(turns[::2], turns[1::2], strict=True):
        if (question["from"], reply["from"]) != ("human", "gpt"):
            raise ValueError(f"turns of {question['from']} and {reply['from']}")
        text, answer = question["value"].replace(IMAGE_MARK, "").strip(), reply["value"].strip()
        if not answer:
            raise ValueError("an empty answer")
        found.append(VQAItem(folder / entry["image"], text, answer))
    return found


def _image(path: Path, side: int) -> UInt8[np.ndarray, "P P 3"]:
    try:
        with av.open(path) as container:
            frame = next(container.decode(video=0))
    except (OSError, StopIteration, av.error.FFmpegError) as error:  # pyright: ignore[reportAttributeAccessIssue]
        raise DataError(f"expected an image at {path}, got none that can be decoded ({error})") from None
    rows, columns = fit_inside((frame.height, frame.width), (side, side))
    small = frame.reformat(width=columns, height=rows, format="rgb24").to_ndarray()
    return pad_to(small, (side, side))
