"""Feeds an `Episode` to a recorder, frame by frame; used by the tests and by `killed_live.py`."""

from praxia.data.episode import Episode
from praxia.data.recorder import EpisodeRecorder, OpenEpisode


def begin(recorder: EpisodeRecorder, index: int, episode: Episode) -> OpenEpisode:
    """Begin episode `index` with the metadata of `episode`."""
    return recorder.episode(
        index,
        instruction=episode.instruction,
        task=episode.task,
        start=episode.start,
        provenance=episode.provenance,
    )


def feed(live: OpenEpisode, episode: Episode, frame: int) -> None:
    """Add one frame, then overwrite its images as a camera driver does."""
    images = {name: frames[frame].copy() for name, frames in episode.images.items()}
    live.add(
        images,
        episode.state[frame],
        episode.action[frame],
        episode.executed_action[frame],
        episode.reward[frame].item(),
        bool(episode.success[frame]),
        bool(episode.terminated[frame]),
        bool(episode.truncated[frame]),
        episode.snapshots[frame] if episode.snapshots else None,
        {name: values[frame] for name, values in episode.streams.items()},
        {name: values[frame] for name, values in episode.extras.items()},
        episode.actors[frame] if episode.actors else None,
    )
    for image in images.values():
        image[:] = 77
