"""What the cache of decoded images holds, and its removal."""

import datetime
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError
from praxia.core.files import expand_home
from praxia.core.user_cache import cache_roots
from praxia.data.dataset import Dataset
from praxia.dataloader.cache_folder import (
    CachedDataset,
    cache_key,
    cached_datasets,
    known_cap_bytes,
    old_cache_files,
    remove_old_cache,
)

__all__ = ["clear_cache", "list_caches"]


def list_caches(data: str | None = None) -> dict[str, Any]:
    """What is cached of the data set at `data` (None: of all), the least recently used first.

    Returns {"folders": [{folder, cap_bytes, bytes, data_sets: [{data, key, bytes, last_used, in_use}]}]}: `data` is the
    path where the content was last seen, `last_used` a time in ISO 8601, both None where they are not recorded.
    `cap_bytes` is None where only older versions kept images.

    Raises:
        PraxiaError: nothing was ever cached of `data`, and no data set is there.
    """
    found = _found(data)
    folders = []
    for root, every in _everything().items():
        folders.append(
            {
                "folder": str(root),
                "cap_bytes": known_cap_bytes(root),
                "bytes": sum(one.num_bytes for one in every),
                "data_sets": [_described(one) for one in every if one in found],
            }
        )
    return {"folders": folders}


def clear_cache(data: str | None = None) -> dict[str, Any]:
    """Remove what is cached of the data set at `data`, also by older versions in its folder; None: of all data sets.

    Returns {"removed": number of data sets, "freed_bytes": bytes of disk}.

    Raises:
        PraxiaError: a living process uses some of them; the others are removed. Or no data set is at `data`.
        OSError: files belong to another user, or lie on a read-only disk.
    """
    removed, freed, refused = 0, 0, []
    for one in _found(data):
        size, name = one.num_bytes, _path(one) or str(one.folder)
        if one.remove():
            removed, freed = removed + 1, freed + size
        else:
            refused.append(name)
    if data is not None and (folder := Path(expand_home(data))).is_dir():
        found = old_cache_files(folder)
        removed, freed = removed + bool(found and not removed), freed + remove_old_cache(folder)
    if refused:
        others = f"; those of {removed} other data set{'s' * (removed > 1)} were removed" if removed else ""
        raise PraxiaError(
            f"the images of {', '.join(refused)} are in use by another process: wait until that has ended, or end it "
            f"first{others}"
        )
    return {"removed": removed, "freed_bytes": freed}


def _everything() -> dict[Path, list[CachedDataset]]:
    """By folder that was ever used, what it has."""
    found = {root: list(cached_datasets(root)) for root in cache_roots()}
    return {root: cached for root, cached in found.items() if cached or known_cap_bytes(root) is not None}


def _found(data: str | None) -> list[CachedDataset]:
    """What is cached of the data set at `data` (None: of all): of its content now, and of what was there before."""
    every = [one for cached in _everything().values() for one in cached]
    if data is None:
        return every
    path = data if "://" in data else str(Path(expand_home(data)).absolute())
    seen = [one for one in every if path in one.paths]
    try:
        key = cache_key(Dataset(data))
    except PraxiaError:  # gone or damaged since
        if not seen:
            raise
        return seen
    return [one for one in every if one in seen or one.folder.name == key]


def _described(one: CachedDataset) -> dict[str, Any]:
    used_s = one.last_used_s
    used = datetime.datetime.fromtimestamp(used_s, datetime.UTC).isoformat() if used_s else None
    return {
        "data": _path(one),
        "key": one.folder.name,
        "bytes": one.num_bytes,
        "last_used": used,
        "in_use": one.is_in_use,
    }


def _path(one: CachedDataset) -> str | None:
    return one.paths[-1] if one.paths else None
