"""An episode's journals -> a staged episode."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.staging import staged_episode, write_numbers
from praxia.datatools.record.folder import Journals, LiveFolder
from praxia.datatools.record.steps import unpack
from praxia.datatools.record.video import write_film

__all__ = ["finish"]


def finish(
    folder: LiveFolder,
    embodiment: Embodiment,
    journals: Journals,
    length: int,
    header: Mapping[str, Any],
    lost_frames: int | None = None,
) -> None:
    """Stage the first `length` frames.

    With `lost_frames` the episode was cut off by a crash: its provenance says so and how many frames are missing, and
    its last step is truncated unless the environment terminated there.

    Raises:
        RecordingError: the disk is full, or a video has not `length` frames; the journals are kept.
        DataError: a record no longer has its bytes.
    """
    fields = unpack(embodiment, (journals.numbers.read(number) for number in range(length)))
    provenance = header["provenance"]
    if lost_frames is not None:
        provenance = {**provenance, "recovered": True, "lost_frames": lost_frames}
        fields["truncated"][-1] |= not fields["terminated"][-1]
    episode = Episode(
        embodiment=replace(embodiment, cameras=()),
        images={},
        **fields,
        instruction=header["instruction"],
        task=header["task"],
        start=Start(**header["start"]),
        provenance=provenance,
    )
    with staged_episode(folder.root, folder.index) as partial:
        pixels = {
            camera.name: write_film(
                partial / f"{camera.name}.mp4", camera, embodiment.control_hz, journals.packets[camera.name], length
            )
            for camera in embodiment.cameras
        }
        write_numbers(partial, episode, embodiment, pixels)
