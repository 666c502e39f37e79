"""Episodes that are left out of a training run, to validate it on."""

import numpy as np

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.keys import generator
from praxia.data.splits import TRAIN, read_splits
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig

__all__ = ["hold_out"]


def hold_out(config: MixtureConfig, windows: Mixture, chosen: float | str) -> tuple[Mixture, Mixture | None]:
    """Split the windows of `config`: those to train on, and those held out.

    `chosen` is a share, or the name of a split that every data set declares.

    Of every data set a share of the episodes that would be trained on is held out, rounded, at least one. Which ones is
    a function of its content (`Dataset.content_hash`) and of the share: neither the seed of the training nor the folder
    matters. A data set that a mixture has twice is never in both parts with one episode.
    With a share of 0 all windows are trained on, and nothing is held out.

    With a split, its episodes are held out, and those of other splits than "train" are not trained on either.

    Raises:
        PraxiaError: a share below 0, or of 1 and more; or no splits in a data set. UnknownName: other splits.
        MismatchError: a data set without an episode left to train on, or to hold out.
    """
    if not isinstance(chosen, str) and not 0 <= chosen < 1:
        raise PraxiaError(
            f"expected --hold-out to be a share of the episodes from 0 to below 1, or a split's name, got {chosen:g}"
        )
    if chosen == 0:
        return windows, None
    held, unused = _named(windows, chosen) if isinstance(chosen, str) else (_share(windows, chosen), {})
    kept, left_out = [], []
    for entry in windows.entries:
        content = entry.dataset.content_hash
        out = np.isin(entry.episodes, list(held[content]))
        trained = ~out & ~np.isin(entry.episodes, list(unused.get(content, ())))
        if not trained.any():
            raise MismatchError(
                f"expected an episode of {entry.root} to train on beside those held out, got none of "
                f"{len(entry.episodes)}; lower --hold-out or leave it out"
            )
        if not out.any():
            raise MismatchError(
                f"expected an episode of {entry.root} in the split {chosen!r}, got none of {len(entry.episodes)} that "
                "would be trained on; give --hold-out a share such as 0.1"
            )
        kept.append(entry.of_episodes(entry.episodes[trained]))
        left_out.append(entry.of_episodes(entry.episodes[out]))
    training = Mixture(kept, config.weights([len(one) for one in kept]))
    return training, Mixture(left_out)


def _share(windows: Mixture, share: float) -> dict[str, set[int]]:
    """The held-out episodes by content of their data set."""
    held: dict[str, set[int]] = {entry.dataset.content_hash: set() for entry in windows.entries}
    for entry in windows.entries:
        content = entry.dataset.content_hash
        order = generator("hold-out", content, 0).permutation(entry.dataset.num_episodes)
        selected = order[np.isin(order, entry.episodes)]
        held[content] |= set(selected[: max(1, round(share * len(selected)))].tolist())
    return held


def _named(windows: Mixture, split: str) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """The held-out episodes, and those that are neither held out nor trained on, by content of their data set."""
    held, unused = {}, {}
    for dataset in (entry.dataset for entry in windows.entries):
        content, others = dataset.content_hash, set(read_splits(dataset.info)) - {TRAIN, split}
        held[content] = set(dataset.split(split))
        unused[content] = {number for name in others for number in dataset.split(name)}
    return held, unused
