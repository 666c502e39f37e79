"""Which names can be changed, and into what."""

from collections.abc import Mapping

from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.features import INDEX_FEATURES, camera_name
from praxia.data.layout import image_key
from praxia.datatools.edit.names import Names
from praxia.datatools.edit.source import SourceDataset

__all__ = ["names_of"]


def names_of(
    source: SourceDataset, features: Mapping[str, str], instructions: Mapping[str, str], embodiment: str | None
) -> Names:
    """Old to new names of `source`, with cameras by their features.

    Raises:
        UnknownName: a feature or an instruction that is not there.
        PraxiaError: nothing to rename, a name that is taken, or one that readers rely on.
    """
    if not (features or instructions or embodiment):
        raise PraxiaError("expected something to rename: --feature old=new, --instruction old=new or --embodiment new")
    for text in instructions:
        if text not in source.tasks:
            raise UnknownName("instruction", text, source.tasks, f"praxia data info {source.root}")
    keys: dict[str, str] = dict(_keys(source, old, new) for old, new in features.items())
    declared: list[str] = list(source.info["features"])
    after = [keys.get(name, name) for name in declared]
    if taken := sorted({name for name in after if after.count(name) > 1}):
        raise PraxiaError(f"expected names that no other feature of {source.root} has, got {', '.join(taken)}")
    return Names(keys, dict(instructions), embodiment)


def _keys(source: SourceDataset, old: str, new: str) -> tuple[str, str]:
    """The features behind two names: features, or cameras by their short names."""
    cameras = {camera_name(key): key for key in source.cameras}
    declared = source.info["features"]
    if old not in declared:
        if old not in cameras:
            raise UnknownName("feature", old, [*declared, *cameras], f"praxia data info {source.root}")
        old, new = cameras[old], cameras[old].removesuffix(old) + new
    if not new or "/" in new:
        raise PraxiaError(f"expected a name without '/' for {old}, got {new!r}")
    if old in INDEX_FEATURES:
        raise PraxiaError(f"every reader of LeRobot's layout relies on {old}: it keeps its name")
    if source.ours and (old not in source.cameras or new != image_key(camera_name(new))):
        raise PraxiaError(
            f"in a data set that praxia recorded cameras alone can have other names, and only ones like"
            f" {image_key('top')}; got {old}={new}"
        )
    return old, new
