"""Where batches come from: windows of the data sets, and questions to a language model, each a function of the step."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from praxia.core.errors import MismatchError
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.order import batch_indices
from praxia.dataloader.vqa import VQAData
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import to_batch
from praxia.transforms.chain import Transforms
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["BatchSource", "VQABatches"]


@dataclass(frozen=True)
class VQABatches:
    """Questions of which each step asks `batch_size`, in squares of `side` pixels."""

    vqa: VQAData
    batch_size: int
    side: int

    def batch(self, seed: int, step: int, words: PromptTokenizer, shapes: Shapes) -> Batch:
        """The questions of `step`, as what the first camera sees; state and embodiment say nothing."""
        rows = batch_indices(seed, step, self.batch_size, len(self.vqa))
        items = [self.vqa.items[row] for row in rows]
        text, text_valid = words.encode_questions([one.text for one in items])
        answer, answer_valid = words.encode_answers([one.answer for one in items])
        images = self.vqa.images(rows, self.side)
        return Batch(
            images={shapes.cameras[0]: torch.from_numpy(images).permute(0, 1, 4, 2, 3)},
            image_valid={shapes.cameras[0]: torch.ones(len(rows), 1, dtype=torch.bool)},
            state=torch.zeros(len(rows), shapes.num_states, shapes.state_dim),
            state_valid=torch.zeros(len(rows), shapes.num_states, dtype=torch.bool),
            text=torch.from_numpy(text),
            text_valid=torch.from_numpy(text_valid),
            embodiment=torch.zeros(len(rows), dtype=torch.int64),
            answer=torch.from_numpy(answer),
            answer_valid=torch.from_numpy(answer_valid),
        )


@dataclass(frozen=True)
class BatchSource:
    """Windows of the data sets through the policy's transforms, and perhaps questions beside them."""

    windows: Mixture
    transforms: Transforms
    shapes: Shapes
    seed: int
    batch_size: int
    asked: VQABatches | None = None

    def __post_init__(self) -> None:
        if self.asked is None:
            return
        if not isinstance(self.transforms.tokenizer, PromptTokenizer):
            raise MismatchError("questions need an encoder with a public language model, such as 'public-vlm'")
        if not self.shapes.cameras:
            raise MismatchError("questions need a window with a camera, in whose place their images are seen")

    def samples_of(self, step: int) -> np.ndarray:
        """The window numbers of the batch at `step`: a pure function of (seed, step)."""
        return self.windows.batch(self.seed, step, self.batch_size)

    def loader(self, workers: int, share: tuple[int, int]) -> Loader:
        """Reads a process's `share` (rank, processes) of each batch."""
        return Loader(self.windows, seed=self.seed, batch_size=self.batch_size, workers=workers, share=share)

    def batch(self, loader: Loader, step: int) -> tuple[Batch, Batch | None]:
        """This process's share of the batch at `step`, and of its questions if there are any."""
        rank, world_size = loader.share
        batch = to_batch(self.transforms.encode(loader.take(step)), self.transforms)
        if self.asked is None:
            return batch, None
        assert isinstance(self.transforms.tokenizer, PromptTokenizer)
        asked = replace(self.asked, batch_size=max(1, self.asked.batch_size // world_size))
        return batch, asked.batch(self.seed + rank, step, self.transforms.tokenizer, self.shapes)
