"""One episode while it is recorded: its threads, its state, and how it is saved or discarded."""

import atexit
import errno
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, RecordingError
from praxia.core.keys import content_key
from praxia.core.types import Actor, Start
from praxia.data.episode import Episode
from praxia.data.layout import num_staged
from praxia.data.recorder import expect_like, single_step
from praxia.datatools.record.backlog import Backlog
from praxia.datatools.record.folder import Beside, LiveFolder, pack
from praxia.datatools.record.staging import stage_recording
from praxia.datatools.record.video import CameraEncoder

__all__ = ["BackgroundThread", "LiveEpisode", "RecorderState"]

# A power cut loses what is in memory and what was written since the last sync.
SYNC_S = 1.0


@dataclass(frozen=True)
class RecorderState:
    """A snapshot of the recording of episode `index`.

    frames        added so far
    waiting       by camera: images that are not encoded yet
    behind_s      age of the oldest waiting image, in seconds of control steps
    on_disk       by camera: how many of the waiting images were spilled to disk
    spilling      whether there are any
    memory_bytes  size of what waits in memory
    at_risk       frames that are at least partly in memory only: what a kill would lose now
    encoder_hz    by camera: images per second of its encoder while it has any; None before the first
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
            + (f", which are encoded at {speed:.0f} per second" if speed else "")
            + ". "
            + ("Images go to disk until it has caught up; none is lost" if self.spilling else "All are in memory")
        )


class BackgroundThread:
    """A background thread that runs `work`. `error` is the exception it failed with; `start` continues after one.

    The thread does not keep the process alive: the next recorder recovers what an episode has on disk by then.
    """

    def __init__(self, name: str, work: Callable[[], None]):
        self._name, self._work = name, work
        self.error: Exception | None = None
        self.start()

    def start(self) -> None:
        self.error = None
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # reported by the caller's thread, whatever it is
            self.error = error

    def join(self) -> None:
        self._thread.join()


class LiveEpisode:
    """An episode to which frames are added in real time, until it is saved or discarded. Made by `Recorder.episode`.

    A kill loses the frames that are in memory at that time (`RecorderState.at_risk`): one or two while the encoders
    keep up, never more than fit into the recorder's `memory_bytes`. A power cut also loses what the last second wrote.
    A process that exits with an open episode loses none. Methods are for one thread; `state` is for any.
    """

    def __init__(
        self,
        folder: LiveFolder,
        embodiment: Embodiment,
        instruction: str,
        task: str,
        start: Start,
        provenance: Mapping[str, Any],
        memory_bytes: int,
        log: Callable[[str], None],
    ):
        self._folder, self._embodiment, self._log = folder, embodiment, log
        self._header = {
            "embodiment": content_key(embodiment.to_json()),
            "instruction": instruction,
            "task": task,
            "start": start.to_json(),
            "provenance": dict(provenance),
        }
        self._journals = folder.begin(self._header, embodiment)
        self._backlog = Backlog(self._journals.numbers, self._journals.spills, memory_bytes)
        self._encoders = {
            camera.name: CameraEncoder(camera, embodiment.control_hz, self._journals.packets[camera.name])
            for camera in embodiment.cameras
        }
        self._frames = 0
        # What later steps must be like, without its images.
        self._first: Episode | None = None
        self._stop_sync = threading.Event()
        self._threads = [
            BackgroundThread(f"encode {name}", lambda name=name: self._encode(name)) for name in self._encoders
        ]
        self._threads.append(BackgroundThread("write", self._write))
        self._sync_thread = BackgroundThread("sync", self._sync)
        self.open = True
        atexit.register(self._drain)

    @property
    def index(self) -> int:
        return self._folder.index

    def __len__(self) -> int:
        return self._frames

    def add(
        self,
        images: Mapping[str, Shaped[np.ndarray, "_ _ 3"]],
        state: Shaped[np.ndarray, " S"],
        action: Shaped[np.ndarray, " A"],
        executed_action: Shaped[np.ndarray, " A"],
        reward: float,
        success: bool,
        terminated: bool,
        truncated: bool,
        snapshot: bytes | None = None,
        streams: Mapping[str, Shaped[np.ndarray, "..."]] | None = None,
        extras: Mapping[str, Any] | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Add one step, as a row of `data.episode.Episode`: the observation, the action taken, and its outcome.

        Returns at once: it only checks and copies the frame, whose arrays the caller may reuse afterwards. Numbers are
        kept as float32, but for those of streams and extras.

        Raises:
            RecordingError: this frame cannot be recorded, because the disk is full, or disk or processor are too slow
                for the waiting frames; the message names it and what is kept. No earlier frame is lost.
            MismatchError, DataError: a frame that does not fit the embodiment or is not finite; it is not recorded.
        """
        self._expect_open()
        self._expect_no_errors(f"frame {self._frames} of episode {self.index} was not recorded", self._sync_thread)
        fields = {
            "state": state,
            "action": action,
            "executed_action": executed_action,
            "reward": reward,
            "success": success,
            "terminated": terminated,
            "truncated": truncated,
        }
        step = single_step(self._embodiment, images, fields, self._header["task"], snapshot, streams, extras, actor)
        if self._first is None:
            self._folder.begin_records(Beside.of(step))
            self._first = replace(step, embodiment=replace(self._embodiment, cameras=()), images={})
        expect_like(step, self._first, self._frames)
        row = pack(step)
        images = {camera.name: images[camera.name].copy() for camera in self._embodiment.cameras}
        if not self._backlog.put(row, images):
            waiting = (
                f"{self._backlog.memory_bytes / 1e6:.0f} MB are waiting; the disk is slower than the incoming frames"
            )
            raise self._error(f"frame {self._frames} of episode {self.index} was not recorded", waiting)
        self._frames += 1

    def save(self) -> None:
        """Wait until everything is encoded, and stage the complete episode as `staging.stage_episode` would.

        Raises:
            RecordingError: the disk is full, or a video has the wrong number of frames. The episode is kept: free some
                space and call it again.
            PraxiaError: the episode has no frames.
        """
        self._expect_open()
        if not self._frames:
            raise PraxiaError(f"episode {self.index} has no frames to save; add one, or discard the episode")
        for thread in self._threads:
            if thread.error:
                thread.start()
        self._drain()
        self._expect_no_errors(f"episode {self.index} was not saved")
        self._expect_all_written()
        try:
            stage_recording(self._folder, self._embodiment, self._journals, self._frames, self._header)
        except RecordingError as error:
            raise self._error(f"episode {self.index} was not saved", error.__cause__ or error) from error
        self._end()

    def discard(self) -> None:
        """Drop the episode and remove its files."""
        self._expect_open()
        self._drain(drop=True)
        self._end()

    def state(self) -> RecorderState:
        """How far the encoders lag behind. Callable from any thread."""
        waiting = self._backlog.waiting()
        return RecorderState(
            index=self.index,
            frames=self._frames,
            waiting=waiting,
            behind_s=max(waiting.values(), default=0) / self._embodiment.control_hz,
            on_disk=self._backlog.on_disk(),
            spilling=self._backlog.spilling,
            memory_bytes=self._backlog.memory_bytes,
            at_risk=self._backlog.at_risk(),
            encoder_hz={name: encoder.images_per_s for name, encoder in self._encoders.items()},
        )

    def _encode(self, camera: str) -> None:
        """The loop of an encoder's thread. After an error it continues where it was."""
        encoder = self._encoders[camera]
        while True:
            encoder.write()
            self._backlog.encoded(camera, encoder.written)
            if encoder.ended:
                return
            encoder.take(self._backlog.image(camera, encoder.taken))

    def _write(self) -> None:
        """The loop of the thread that writes numbers and spills images."""
        spilling = False
        while self._backlog.write_one():
            if self._backlog.spilling and not spilling:
                self._log(str(self.state()))
            spilling = self._backlog.spilling

    def _sync(self) -> None:
        while not self._stop_sync.wait(SYNC_S):
            self._journals.sync()

    def _drain(self, *, drop: bool = False) -> None:
        """Let the threads finish or drop their work; also called when the process exits with the episode open."""
        self._backlog.close(drop=drop)
        for thread in self._threads:
            thread.join()

    def _end(self) -> None:
        self.open = False
        atexit.unregister(self._drain)
        self._stop_sync.set()
        self._sync_thread.join()
        self._folder.remove()
        self._journals.close()

    def _expect_open(self) -> None:
        if not self.open:
            raise PraxiaError(
                f"episode {self.index} is already saved or discarded; begin one with recorder.episode(...)"
            )

    def _expect_no_errors(self, what: str, *others: BackgroundThread) -> None:
        for thread in (*self._threads, *others):
            if thread.error:
                raise self._error(what, thread.error) from thread.error

    def _expect_all_written(self) -> None:
        journals = {f"images of {name}": packets for name, packets in self._journals.packets.items()}
        for what, journal in {"rows of numbers": self._journals.numbers, **journals}.items():
            if len(journal) != self._frames:
                reason = f"expected {self._frames} frames, got {len(journal)} {what}"
                raise self._error(f"episode {self.index} was not saved", reason)

    def _error(self, what: str, reason: str | BaseException) -> RecordingError:
        """An error that says what is kept."""
        if isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"no space left on the disk of {self._folder.root}"
        return RecordingError(
            f"{what}: {reason}; kept: the {self._frames} frames taken before, of which a kill would lose "
            f"{self._backlog.at_risk()}, and {num_staged(self._folder.root)} complete episodes. Free disk space if "
            "there is none, then save() or discard() the episode"
        )
