"""Episode"""

import atexit
import errno
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, RecordingError
from praxia.core.keys import content_key
from praxia.core.types import Start
from praxia.data.layout import num_staged
from praxia.datatools.record.backlog import Backlog
from praxia.datatools.record.folder import LiveFolder, pack, step_of
from praxia.datatools.record.staging import finish
from praxia.datatools.record.video import CameraEncoder

__all__ = ["LiveEpisode", "RecorderState", "Worker"]

# A power cut takes, beside what is in memory, what was written since the last sync.
SYNC_S = 1.0


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


class Worker:
    """Runs `work` in the background. `fault` is what it failed with; `start` has it go on after that.

    Its thread does not keep the process alive: what an episode has on disk by then the next recorder recovers.
    """

    def __init__(self, name: str, work: Callable[[], None]):
        self._name, self._work = name, work
        self.fault: Exception | None = None
        self.start()

    def start(self) -> None:
        self.fault = None
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # whatever it is, the caller's thread must hear of it
            self.fault = error

    def join(self) -> None:
        self._thread.join()


class LiveEpisode:
    """An episode to which frames are added in real time, until it is saved or discarded. Made by `Recorder.episode`.

    A kill takes the frames that are in memory at that moment (`RecorderState.at_risk`): one or two while the encoders
    keep up, never more than fit into the recorder's `memory_bytes`. A power cut also takes what the last second wrote.
    A process that ends by itself, with an episode open, takes none. Methods are for one thread; `state` is for any.
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
        say: Callable[[str], None],
    ):
        self._folder, self._embodiment, self._say = folder, embodiment, say
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
        self._with_snapshots = False
        self._ending = threading.Event()
        self._workers = [Worker(f"encode {name}", lambda name=name: self._encode(name)) for name in self._encoders]
        self._workers.append(Worker("write", self._write))
        self._syncer = Worker("sync", self._sync)
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
    ) -> None:
        """One step, as a row of `data.episode.Episode`: the moment, the action taken there, and what that led to.

        Returns at once: what it takes is to check and copy the frame, whose arrays are the caller's again afterwards.
        Numbers are kept as float32.

        Raises:
            RecordingError: this frame cannot be recorded, because the disk is full, or disk or processor too slow
                for what waits; the message names it and what is kept. No frame that was taken before is lost by it.
            MismatchError, DataError: a frame that does not fit the embodiment or is not finite; it is not taken.
        """
        self._expect_open()
        self._expect_healthy(f"frame {self._frames} of episode {self.index} was not recorded", self._syncer)
        if self._frames and (snapshot is not None) != self._with_snapshots:
            had = "a" if self._with_snapshots else "no"
            raise MismatchError(f"expected {had} snapshot as with the frames before, at frame {self._frames}")
        fields = {
            "state": state,
            "action": action,
            "executed_action": executed_action,
            "reward": reward,
            "success": success,
            "terminated": terminated,
            "truncated": truncated,
        }
        row = pack(step_of(self._embodiment, images, fields, snapshot, self._header["task"]))
        images = {camera.name: images[camera.name].copy() for camera in self._embodiment.cameras}
        if not self._backlog.put(row, images):
            waiting = f"{self._backlog.memory_bytes / 1e6:.0f} MB wait and reach the disk slower than they come"
            raise self._error(f"frame {self._frames} of episode {self.index} was not recorded", waiting)
        self._with_snapshots = snapshot is not None
        self._frames += 1

    def save(self) -> None:
        """Wait until everything is encoded, and stage the episode: whole, as `staging.stage_episode` would have.

        Raises:
            RecordingError: the disk is full, or a video has not as many frames as were added. The episode is kept:
                free some space and call it again.
            PraxiaError: there is no frame in it.
        """
        self._expect_open()
        if not self._frames:
            raise PraxiaError(f"episode {self.index} has no frame to save; add one, or discard the episode")
        for worker in self._workers:
            if worker.fault:
                worker.start()
        self._drain()
        self._expect_healthy(f"episode {self.index} was not saved")
        self._expect_all_written()
        try:
            finish(self._folder, self._embodiment, self._journals, self._frames, self._header)
        except RecordingError as error:
            raise self._error(f"episode {self.index} was not saved", error.__cause__ or error) from error
        self._end()

    def discard(self) -> None:
        """Forget the episode and remove what it has on disk."""
        self._expect_open()
        self._drain(drop=True)
        self._end()

    def state(self) -> RecorderState:
        """How far the encoders are behind. Any thread may ask."""
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
        """The life of an encoder's thread. After a fault it goes on where it was."""
        encoder = self._encoders[camera]
        while True:
            encoder.write()
            self._backlog.encoded(camera, encoder.written)
            if encoder.ended:
                return
            encoder.take(self._backlog.image(camera, encoder.taken))

    def _write(self) -> None:
        """The life of the thread that writes numbers and spills images."""
        spilling = False
        while self._backlog.write_one():
            if self._backlog.spilling and not spilling:
                self._say(str(self.state()))
            spilling = self._backlog.spilling

    def _sync(self) -> None:
        while not self._ending.wait(SYNC_S):
            self._journals.sync()

    def _drain(self, *, drop: bool = False) -> None:
        """Let the threads do what there is to do, or drop it. A process that ends with the episode open does so too."""
        self._backlog.close(drop=drop)
        for worker in self._workers:
            worker.join()

    def _end(self) -> None:
        self.open = False
        atexit.unregister(self._drain)
        self._ending.set()
        self._syncer.join()
        self._folder.remove()
        self._journals.close()

    def _expect_open(self) -> None:
        if not self.open:
            raise PraxiaError(
                f"episode {self.index} is saved or discarded already; begin one with recorder.episode(...)"
            )

    def _expect_healthy(self, what: str, *others: Worker) -> None:
        for worker in (*self._workers, *others):
            if worker.fault:
                raise self._error(what, worker.fault) from worker.fault

    def _expect_all_written(self) -> None:
        journals = {f"images of {name}": packets for name, packets in self._journals.packets.items()}
        for what, journal in {"rows of numbers": self._journals.numbers, **journals}.items():
            if len(journal) != self._frames:
                reason = f"expected {self._frames} frames, got {len(journal)} {what}"
                raise self._error(f"episode {self.index} was not saved", reason)

    def _error(self, what: str, reason: str | BaseException) -> RecordingError:
        """The error that says what is kept."""
        if isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"no space left on the disk of {self._folder.root}"
        return RecordingError(
            f"{what}: {reason}; kept: the {self._frames} frames taken before, of which a kill would take "
            f"{self._backlog.at_risk()}, and {num_staged(self._folder.root)} whole episodes. Free some space where "
            "there is none, then save() or discard() the episode"
        )
