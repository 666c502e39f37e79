"""Stages an episode from its journals, also after a crash."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from praxia.core.embodiment import Camera, Embodiment
from praxia.core.errors import MismatchError
from praxia.core.keys import content_key
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.staging import staged_episode, write_numbers
from praxia.datatools.record.folder import EpisodeJournals, LiveFolder, unpack
from praxia.datatools.record.video import CameraEncoder, write_video

__all__ = ["RecoveredEpisode", "recover", "stage_recording"]


def stage_recording(
    folder: LiveFolder,
    embodiment: Embodiment,
    journals: EpisodeJournals,
    length: int,
    header: Mapping[str, Any],
    lost_frames: int | None = None,
) -> None:
    """Stage the first `length` frames.

    `lost_frames` marks an episode cut off by a crash: its provenance says so and how many frames are missing, and its
    last step is truncated unless the environment terminated there.

    Raises:
        RecordingError: the disk is full, or a video does not have `length` frames; the journals are kept.
        DataError: the bytes of a record were altered.
    """
    fields = unpack(embodiment, folder.beside(), (journals.numbers.read(number) for number in range(length)))
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
            camera.name: write_video(
                partial / f"{camera.name}.mp4", camera, embodiment.control_hz, journals.packets[camera.name], length
            )
            for camera in embodiment.cameras
        }
        write_numbers(partial, episode, embodiment, pixels)


@dataclass(frozen=True)
class RecoveredEpisode:
    """The outcome of a half-recorded episode: `frames` are staged (0: none was complete, or it was discarded).

    `lost_frames` had left traces on disk and are not kept. Frames that never reached the disk cannot be counted; they
    are the newest ones, at most `RecorderState.at_risk` at the time.
    """

    index: int
    frames: int
    lost_frames: int

    def __str__(self) -> str:
        done = f"{self.frames} frames recovered" if self.frames else "discarded"
        return f"episode {self.index} was half recorded: {done}, {self.lost_frames} lost"


def recover(folder: LiveFolder, embodiment: Embodiment, *, salvage: bool) -> RecoveredEpisode:
    """Stage all complete frames, with numbers and images of all cameras; without `salvage` none.

    Packets are copied; images that waited on disk are encoded now. If killed meanwhile, it can be called again.

    Raises:
        MismatchError: it was recorded with another embodiment.
        RecordingError: another process still records it, or the disk is full; it is kept unchanged.
    """
    header = folder.header()
    if header is None:
        folder.remove()
        return RecoveredEpisode(folder.index, 0, 0)
    if header["embodiment"] != content_key(embodiment.to_json()):
        raise MismatchError(
            f"episode {folder.index} in {folder.path} was begun with another embodiment than {embodiment.name!r}; "
            "resume with that one, or record into another folder"
        )
    journals = folder.open(embodiment)
    try:
        length, known = _complete_frames(journals, embodiment) if salvage else 0, _known_frames(journals)
        if length:
            stage_recording(folder, embodiment, journals, length, header, known - length)
        folder.remove()
        return RecoveredEpisode(folder.index, length, known - length)
    finally:
        journals.close()


def _known_frames(journals: EpisodeJournals) -> int:
    """The number of frames that left traces on disk."""
    spilled = (max(spill.records(), default=-1) + 1 for spill in journals.spills.values())
    return max([len(journals.numbers), *map(len, journals.packets.values()), *spilled])


def _complete_frames(journals: EpisodeJournals, embodiment: Embodiment) -> int:
    """The number of frames with numbers and packets of every camera, after encoding spilled images."""
    return min(
        [len(journals.numbers), *(_encode_spilled(journals, camera, embodiment) for camera in embodiment.cameras)]
    )


def _encode_spilled(journals: EpisodeJournals, camera: Camera, embodiment: Embodiment) -> int:
    packets, spill = journals.packets[camera.name], journals.spills[camera.name]
    encoder, records = CameraEncoder(camera, embodiment.control_hz, packets), spill.records()
    while encoder.taken in records:
        encoder.take(spill.read(records[encoder.taken]))
        encoder.write()
    encoder.take(None)
    encoder.write()
    return len(packets)
