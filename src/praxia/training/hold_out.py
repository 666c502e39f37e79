"""Episodes that are left out of a training run, to validate it on."""

import numpy as np

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.keys import generator
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig

__all__ = ["hold_out"]


def hold_out(config: MixtureConfig, windows: Mixture, share: float) -> tuple[Mixture, Mixture | None]:
    """Split the windows of `config`: those to train on, and those held out.

    Of every data set `share` of the episodes that would be trained on is held out, rounded, at least one. Which ones is
    a function of its content (`Dataset.content_hash`) and of the share: neither the seed of the training nor the folder
    matters. A data set that a mixture has twice is never in both parts with one episode.
    With a share of 0 all windows are trained on, and nothing is held out.

    Raises:
        PraxiaError: a share below 0, or of 1 and more.
        MismatchError: a data set without an episode left to train on.
    """
    if not 0 <= share < 1:
        raise PraxiaError(f"expected --hold-out to be a share of the episodes from 0 to below 1, got {share:g}")
    if share == 0:
        return windows, None
    contents = [one.dataset.content_hash for one in windows.entries]
    held: dict[str, set[int]] = {content: set() for content in contents}
    for entry, content in zip(windows.entries, contents, strict=True):
        order = generator("hold-out", content, 0).permutation(entry.dataset.num_episodes)
        selected = order[np.isin(order, entry.episodes)]
        held[content] |= set(selected[: max(1, round(share * len(selected)))].tolist())
    kept, left_out = [], []
    for entry, content in zip(windows.entries, contents, strict=True):
        out = np.isin(entry.episodes, list(held[content]))
        if out.all():
            raise MismatchError(
                f"expected an episode of {entry.root} to train on beside those held out, got none of "
                f"{len(entry.episodes)}; lower --hold-out or leave it out"
            )
        kept.append(entry.of_episodes(entry.episodes[~out]))
        left_out.append(entry.of_episodes(entry.episodes[out]))
    training = Mixture(kept, config.weights([len(one) for one in kept]))
    return training, Mixture(left_out)
