"""The outcome of one damaged data set: the result of `check`, and that of reading everything in it."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import synthetic
from damage import DAMAGES, Damaged, write

from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.datatools.check.dataset import check

WINDOW = Window({"image.front": (-1, 0), "image.wrist": (0,), "state": (-1, 0)}, horizon=3)


# One line that names a file and the episodes in it, unless it is about the complete data set: its version, a feature.
CLEAR = re.compile(r".*((meta|data|videos|praxia)/.*(episode|in it)|meta/info.json|manifest.json|layout|feature).*")
# In v2.1 a video may be longer than its episode: converters have left images at the end. It is noted.
ONLY_NOTED = {("v2.1", "video one image long")}
Truth = dict[tuple[str, int | None], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """`read` is "right", "error" (a PraxiaError that names a file and the episodes), "unclear" (another PraxiaError),
    "raw" (any other exception) or "wrong"; `faults` describes what must not occur."""

    number: int
    base: str
    kind: str
    where: tuple[str, ...]
    ok: bool | None
    read: str
    message: str
    faults: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def everything(root: Path) -> Iterator[tuple[str, int | None, np.ndarray]]:
    """Everything that can be read, by kind and episode."""
    dataset = Dataset(root)
    yield "fps", None, np.array(dataset.fps)
    yield "body", None, np.array(repr(dataset.embodiment))
    episodes = dataset.episodes
    for number, length in enumerate(episodes.length.tolist()):
        what = [length, episodes.instruction[number], episodes.task[number], bool(episodes.success[number])]
        yield "episode", number, np.array(repr(what))
        yield "snapshots", number, np.array(dataset.snapshots(number), dtype=object)
    windows = Windows(dataset, WINDOW, np.arange(dataset.num_episodes))
    samples = windows.read(np.arange(len(windows)))
    of = np.array([episode for episode, _ in windows.frames_of(np.arange(len(windows)))])
    arrays = {f"image of {name}": images for name, images in samples.images.items()}
    arrays |= {"state": samples.state, "action": samples.action, "instruction": np.array(samples.instruction)}
    for camera in dataset.cameras:
        arrays[f"decoded image of {camera}"] = dataset.decode(camera, np.arange(dataset.num_frames))
    for name, array in arrays.items():
        for episode in range(dataset.num_episodes):
            yield name, episode, array[of == episode]


def read_truth(root: Path) -> Truth:
    """Everything in a healthy data set, after checking the content of its images."""
    truth = {(name, episode): value for name, episode, value in everything(root)}
    for (name, episode), value in truth.items():
        for frame, image in enumerate(value) if name.startswith("decoded image") else ():
            assert synthetic.read_label(image) == (name.removeprefix("decoded image of "), episode, frame)
    return truth


def attempt(folder: Path, damaged: Damaged, truth: Truth) -> Trial:
    """Write, check and read one damaged data set."""
    write(folder, damaged.files)
    read, message, wrong = _read(folder, damaged, truth)
    found, faults = None, []
    try:
        found = check(folder)
    except Exception as error:
        faults.append(f"check: {type(error).__name__}: {error}")
    if read in ("raw", "unclear"):
        faults.append(f"reader: {message}")
    must_notice = damaged.checksums or DAMAGES[damaged.kind].noticed
    only_noted = (damaged.base, damaged.kind) in ONLY_NOTED
    if read == "wrong" and must_notice and not only_noted:
        faults.append(f"reader: wrong: {message}")
    if found is not None:
        safe = {number for first, last in found["safe"] for number in range(first, last + 1)}
        # What no reader needs may be wrong in a data set that is ok, if that is noted.
        noted = bool(found["notes"]) and (read == "right" or only_noted)
        if found["ok"] and must_notice and not noted:
            faults.append("check: not noticed")
        if found["ok"] and read not in ("right", "wrong"):
            faults.append(f"check: ok, but the reader refuses: {message}")
        if must_notice and wrong & safe and not only_noted:
            faults.append(f"check: episodes {sorted(wrong & safe)} are called safe and read wrong")
    ok = None if found is None else found["ok"]
    return Trial(damaged.number, damaged.base, damaged.kind, damaged.where, ok, read, message, tuple(faults))


def _same(name: str, value: np.ndarray, due: np.ndarray, *, exact: bool) -> bool:
    """Whether both are equal; re-encoded images need only encode the same number."""
    if value.shape != due.shape or value.dtype != due.dtype:
        return False
    if np.array_equal(value, due):
        return True
    if exact or "image" not in name or np.abs(value.astype(int) - due).mean() > 2:
        return False
    try:
        pairs = zip(value.reshape(-1, *value.shape[-3:]), due.reshape(-1, *due.shape[-3:]), strict=True)
        return all(synthetic.read_label(one) == synthetic.read_label(other) for one, other in pairs)
    except (AssertionError, IndexError):
        return False


def _read(folder: Path, damaged: Damaged, truth: Truth) -> tuple[str, str, set[int]]:
    """How reading ended, the message or error, and the wrong episodes."""
    seen, wrong, message = set(), set(), ""
    try:
        for name, episode, value in everything(folder):
            seen.add((name, episode))
            due = truth.get((name, episode))
            if name in ("episode", "snapshots", "body") and not damaged.checksums:
                continue  # of another writer, less is known
            if due is None or not _same(name, value, due, exact=damaged.checksums):
                message = message or f"{name} of episode {episode}"
                wrong.add(-1 if episode is None else episode)
    except PraxiaError as error:
        clear = CLEAR.fullmatch(str(error))
        ended, how = ("error" if clear else "unclear"), f"{type(error).__name__}: {error}"
    except Exception as error:
        ended, how = "raw", f"{type(error).__name__}: {error}"[:300]
    else:
        lost = {(name, episode) for name, episode in truth if episode is not None} - seen
        wrong |= {episode for _, episode in lost if episode is not None}
        ended, how = "right", f"{len(lost)} things are not there any more" if lost else ""
    return ("wrong", message or how, wrong) if wrong else (ended, how, wrong)
