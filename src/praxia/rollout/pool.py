"""Environments in worker processes behind the `VectorEnv` interface: messages by pipe, images by shared memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import MismatchError
from praxia.core.memory import SharedMemory
from praxia.core.types import EnvSpec, Observation, SlotResult, Start, VectorEnv
from praxia.core.workers import Death, Workers, answer_requests
from praxia.rollout.slots import BuildEnv, LocalSlots

__all__ = ["MakeSlots", "WorkerPool", "process_pool"]

# Makes environments for at most so many episodes at once.
MakeSlots = Callable[[int], VectorEnv]

# The shapes of the images of each observation, by camera.
Layout = list[dict[str, tuple[int, int, int]]]


class WorkerPool:
    """A `VectorEnv` of `num_workers` processes with `slots_per_worker` slots each.

    While a policy decides for some slots the processes simulate the others. A slot's images travel through its own
    block of shared memory and are copied out of it, so later steps do not change an observation. `build` must be
    picklable: it is sent to every worker once.

    A crash in an environment is the `SlotResult.error` of its slot. When a worker dies, all its slots get an error and
    are `SlotResult.lost`, and a new worker replaces it. Bad input (`PraxiaError`) in a worker is raised by `ready`.
    """

    def __init__(self, num_workers: int, slots_per_worker: int, build: BuildEnv):
        self.num_slots = num_workers * slots_per_worker
        self._workers = Workers(num_workers, _serve, slots_per_worker, build)
        self._blocks: dict[int, SharedMemory] = {}
        # The memory that one observation of a slot's present episode takes.
        self._observation_bytes: dict[int, int] = {}
        # Slots whose worker has received their block.
        self._shared: set[int] = set()
        self._busy: set[int] = set()
        # Slots whose environment died with its worker while no result of theirs was awaited.
        self._lost: dict[int, SlotResult] = {}
        self._failed: list[SlotResult] = []

    def begin(
        self,
        slot: int,
        spec: EnvSpec,
        start: Start,
        cameras: Sequence[str],
        *,
        privileged: bool = False,
        snapshots: bool = False,
    ) -> None:
        self._lost.pop(slot, None)
        self._observation_bytes[slot] = sum(3 * math.prod(spec.size_of(camera)) for camera in cameras)
        self._reserve(slot, self._observation_bytes[slot])
        options = {"privileged": privileged, "snapshots": snapshots}
        self._request(slot, "begin", (spec, start, tuple(cameras)), options)

    def advance(
        self,
        slot: int,
        actions: Float32[np.ndarray, "K A"],
        stop_on_success: bool,
        observe: Sequence[int] | None = None,
    ) -> None:
        if slot in self._lost:
            self._failed.append(self._lost.pop(slot))
        else:
            self._reserve(slot, self._observation_bytes[slot] * (1 if observe is None else len(observe)))
            self._request(slot, "advance", (actions, stop_on_success, observe), {})

    def ready(self) -> list[SlotResult]:
        arrived: list[SlotResult] = []
        while self._busy and not arrived and not self._failed:
            for number, answer in self._workers.answers():
                if isinstance(answer, Death):
                    self._lose(number, answer.reason)
                else:
                    arrived.append(self._unpack(number, *answer))
        arrived += self._failed
        self._failed = []
        return sorted(arrived, key=lambda result: result.slot)

    def close(self) -> None:
        self._workers.close()
        self._blocks.clear()

    def _reserve(self, slot: int, num_bytes: int) -> None:
        block = self._blocks.get(slot)
        if num_bytes > (block.size if block else 0):
            self._blocks[slot] = SharedMemory(num_bytes)
            self._shared.discard(slot)

    def _request(self, slot: int, method: str, arguments: tuple[Any, ...], options: dict[str, bool]) -> None:
        number, local = slot % len(self._workers), slot // len(self._workers)
        sends_block = slot in self._blocks and slot not in self._shared
        self._busy.add(slot)
        block = self._blocks[slot].send if sends_block else None
        if self._workers.request(number, (method, local, sends_block, arguments, options), block) and sends_block:
            self._shared.add(slot)

    def _unpack(self, number: int, result: SlotResult, layout: Layout) -> SlotResult:
        slot = result.slot * len(self._workers) + number
        self._busy.discard(slot)
        offset, seen = 0, []
        for observation, shapes in zip(_observations(result), layout, strict=True):
            images = {}
            for camera, shape in shapes.items():
                image = np.ndarray(shape, np.uint8, self._blocks[slot].bytes, offset=offset)
                images[camera] = image.copy()
                offset += image.nbytes
            seen.append(replace(observation, images=images))
        return _with_observations(replace(result, slot=slot), seen)

    def _lose(self, number: int, error: str) -> None:
        """Mark the slots of a worker that died as lost."""
        for slot in range(number, self.num_slots, len(self._workers)):
            self._shared.discard(slot)
            result = SlotResult(slot, None, error=error, lost=True)
            if slot in self._busy:
                self._busy.discard(slot)
                self._failed.append(result)
            else:
                self._lost[slot] = result


def process_pool(build: BuildEnv, num_workers: int, slots_per_worker: int) -> MakeSlots:
    """Pools of at most `num_workers` processes with `slots_per_worker` slots each, for environments of `build`."""
    return lambda num_episodes: WorkerPool(min(num_workers, num_episodes), slots_per_worker, build)


def _serve(connection: Connection, num_slots: int, build: BuildEnv) -> None:
    """The worker's side: one request at a time, in the order they came."""
    slots = LocalSlots(num_slots, build)
    blocks: dict[int, SharedMemory] = {}

    def answer(request: tuple[str, int, bool, tuple[Any, ...], dict[str, bool]]) -> tuple[SlotResult, Layout]:
        method, slot, sends_block, arguments, options = request
        if sends_block:
            blocks[slot] = SharedMemory.receive(connection)
        getattr(slots, method)(slot, *arguments, **options)
        (result,) = slots.ready()
        return _pack(result, blocks.get(slot))

    answer_requests(connection, answer)


def _pack(result: SlotResult, block: SharedMemory | None) -> tuple[SlotResult, Layout]:
    """`result` without its images, which are now in `block`, and the images' shapes."""
    layout: Layout = []
    bare, offset = [], 0
    for observation in _observations(result):
        for camera, image in observation.images.items():
            if block is None or offset + image.nbytes > block.size:
                raise MismatchError(
                    f"camera {camera!r} gave an image of {image.shape}, larger than the sizes of its EnvSpec allow"
                )
            np.ndarray(image.shape, np.uint8, block.bytes, offset=offset)[:] = image
            offset += image.nbytes
        layout.append({camera: image.shape for camera, image in observation.images.items()})
        bare.append(replace(observation, images={}))
    return _with_observations(result, bare), layout


def _observations(result: SlotResult) -> list[Observation]:
    """The observations of a result, oldest first."""
    return [*result.earlier, *([] if result.observation is None else [result.observation])]


def _with_observations(result: SlotResult, seen: Sequence[Observation]) -> SlotResult:
    """The result with other observations in place of its own."""
    num_earlier = len(result.earlier)
    present = None if result.observation is None else seen[num_earlier]
    return replace(result, observation=present, earlier=tuple(seen[:num_earlier]))
