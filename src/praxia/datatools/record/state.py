"""How an episode that is being recorded is doing."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RecorderState"]


@dataclass(frozen=True)
class RecorderState:
    """A moment of the recording of episode `index`.

    frames        added so far
    waiting       by camera: images that are not encoded yet
    behind_s      how long ago, in seconds of control steps, the image that waits longest was taken
    on_disk       by camera: those of the waiting images that were spilled to disk
    spilling      whether there are any
    memory_bytes  what waits in memory
    at_risk       frames of which some part is in memory only: what a kill would take now
    encoder_hz    by camera: images a second its encoder manages while it has any; None before the first
    """

    index: int
    frames: int
    waiting: Mapping[str, int]
    behind_s: float
    on_disk: Mapping[str, int]
    spilling: bool
    memory_bytes: int
    at_risk: int
    encoder_hz: Mapping[str, float | None]

    def __str__(self) -> str:
        name = max(self.waiting, key=lambda camera: self.waiting[camera])
        speed = self.encoder_hz[name]
        return (
            f"the recording of episode {self.index} is {self.behind_s:.1f} s behind: {self.waiting[name]} images of "
            f"{name!r} wait"
            + (f", which are encoded at {speed:.0f} a second" if speed else "")
            + ". "
            + ("Images go to disk until it has caught up; none is lost" if self.spilling else "All are in memory")
        )
