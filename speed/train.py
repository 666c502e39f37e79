"""Training speed: the engine's own loop, against computation alone and against a torch DataLoader.

All three run the same optimizer steps of `flow-metaworld` on a small synthetic data set of 64 px images. "bare" has all
batches in memory before timing starts; "dataloader" fetches one window at a time and collates, as map-style data sets
commonly do; "engine" is what `praxia train` does.

With `--peer lerobot` it also trains ACT and Diffusion Policy beside the `lerobot` package (`train_peer.py`), which on
first use it installs (8 GB): the ratio of samples per second, ours to theirs, from the same data set on disk to the
optimiser's step. "act" and "diffusion" are of published size (224 px, three cameras, batch 8), "small" is an ACT of
width 128 with two layers (96 px, batch 64).

    python speed/train.py [--steps 60] [--peer lerobot] [--peer-steps 10] [--json]
"""

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from train_peer import FOLDER, compare
from windows import WINDOW, dataset

from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows
from praxia.nn.queries import to_batch
from praxia.nn.share import WHOLE, Share
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.recipes.metaworld import flow_metaworld
from praxia.training.batches import BatchSource, prefetch, random_shift

BATCH, WARMUP, PEER_WARMUP = 128, 5, 2


def build(source: BatchSource) -> EncoderHeadModel:
    torch.manual_seed(0)
    model = flow_metaworld().model.build(source.shapes)
    assert isinstance(model, EncoderHeadModel)
    return model


def samples_per_s(model: EncoderHeadModel, batches: Iterable[Batch], steps: int) -> float:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    began_s = 0.0
    for step, batch in enumerate(batches):
        if step == WARMUP:
            began_s = time.perf_counter()
        loss, _ = model.loss(random_shift(batch, 3, generator), generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return steps * BATCH / (time.perf_counter() - began_s)


class OneAtATime(torch.utils.data.Dataset):
    """The windows of a source as a map-style data set."""

    def __init__(self, source: BatchSource):
        self.source = source

    def __len__(self) -> int:
        return len(self.source.windows)

    def __getitem__(self, index: int) -> Batch:
        samples = self.source.windows.read(torch.tensor([index]).numpy())
        return to_batch(self.source.transforms.encode(samples), self.source.transforms)


def collate(items: list[Batch]) -> Batch:
    def concatenate(name: str) -> Any:
        values = [getattr(item, name) for item in items]
        if values[0] is None:
            return None
        if isinstance(values[0], dict):
            return {key: torch.cat([value[key] for value in values]) for key in values[0]}
        if isinstance(values[0], Share):
            return WHOLE
        return torch.cat(values)

    return Batch(**{entry.name: concatenate(entry.name) for entry in dataclasses.fields(Batch)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60, help="optimizer steps per loop")
    parser.add_argument("--peer", choices=["lerobot"], help="compare with this package, too")
    parser.add_argument("--peer-steps", type=int, default=10, help="optimizer steps per policy beside the peer")
    parser.add_argument("--venv", type=Path, default=FOLDER, help="the package's environment")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    total = options.steps + WARMUP
    with tempfile.TemporaryDirectory() as folder:
        opened = dataset(Path(folder) / "set")
        windows = Mixture([Windows(opened, WINDOW, opened.select())])
        transforms, embodiment = fit_transforms(windows, compute_statistics(windows.entries, {})), opened.embodiment
        embodiments = ((embodiment.state_dim, embodiment.action_dim),)
        shapes = Shapes(
            WINDOW.cameras, WINDOW.num_images, 1, embodiments, WINDOW.horizon, transforms.tokenizer.vocab_size
        )
        source = BatchSource(windows, transforms, shapes, 0, BATCH)
        reader = source.loader(0, (0, 1))
        ready = [source.batch(reader, step)[0] for step in range(total)]
        loader = torch.utils.data.DataLoader(
            OneAtATime(source),
            sampler=(i for step in range(total) for i in source.rows(step).tolist()),
            batch_size=BATCH,
            collate_fn=collate,
        )
        loops: dict[str, Callable[[], Iterable[Batch]]] = {
            "bare": lambda: ready,
            "engine": lambda: (made[0] for _, made in prefetch(lambda step: source.batch(reader, step), 0, total)),
            "dataloader": lambda: loader,
        }
        speeds = {name: samples_per_s(build(source), batches(), options.steps) for name, batches in loops.items()}
    found = {
        "batch": BATCH,
        "threads": torch.get_num_threads(),
        "samples_per_s": round(speeds["engine"]),
        "engine_of_bare": round(speeds["engine"] / speeds["bare"], 3),
        "engine_of_dataloader": round(speeds["engine"] / speeds["dataloader"], 3),
    }
    if options.peer:
        torch.set_num_threads(1)
        found |= compare(options.venv, options.peer_steps, PEER_WARMUP)
    print(json.dumps(found) if options.json else "\n".join(f"{name:24s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
