"""Where pages go: never over a file that is not a page of ours."""

from pathlib import Path

from praxia.core.errors import PraxiaError

__all__ = ["expect_room"]

# How every page of ours begins, also of earlier versions.
_BEGIN = b'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><meta http-equiv="Content-Security-Policy" '


def expect_room(out: Path) -> None:
    """Refuse a place for a page where something else is: a page is made again, other files are somebody's work.

    Raises:
        PraxiaError: `out` is a folder, or a file that no page of ours is.
    """
    if out.is_dir():
        raise PraxiaError(f"expected --out to be a page (X.html), got the folder {out}; name a file in it")
    if out.exists():
        with out.open("rb") as file:
            is_ours = file.read(len(_BEGIN)) == _BEGIN
        if not is_ours:
            raise PraxiaError(f"{out} is there already and no page of Praxia's; choose another --out, or move it away")
