"""Raw images of one camera on disk."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Camera
from praxia.datatools.record.journal import Journal

__all__ = ["Spill"]

NUMBER_BYTES = 8


class Spill:
    """A journal of images, each with its frame number. Raises as `Journal` does."""

    def __init__(self, path: Path, camera: Camera):
        self.journal = Journal(path)
        self._shape = (camera.height, camera.width, 3)

    def append(self, number: int, image: UInt8[np.ndarray, "Y X 3"]) -> int:
        """Write the image of frame `number`; the record to read it back by."""
        return self.journal.append(number.to_bytes(NUMBER_BYTES, "little"), image.data)

    def read(self, record: int) -> UInt8[np.ndarray, "Y X 3"]:
        return np.frombuffer(self.journal.read(record), np.uint8, offset=NUMBER_BYTES).reshape(self._shape)

    def records(self) -> dict[int, int]:
        """Which record holds which frame's image."""
        journal = self.journal
        return {int.from_bytes(journal.read(at)[:NUMBER_BYTES], "little"): at for at in range(len(journal))}
