"""Films of judged episodes, made by doing their stored actions again in the simulator.

Nothing is drawn during an evaluation but what the policy asks for. Starts and actions are kept, and the same start
and actions give the same episode, so a film is made when somebody wants to look. The repetition's outcome is
compared with the row: a film that shows something else than what was counted says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from praxia.core.types import EnvSpec, Outcome, Progress, Start, VectorEnv
from praxia.results.rows import Row
from praxia.studio.mp4 import encode_mp4

__all__ = ["Film", "Take", "film"]

_PICTURES_HZ = 25


@dataclass(frozen=True)
class Take:
    """One episode to film: its row, its start, and the T actions that were executed, in declared units.

    `camera` is a name of the environment's, `control_hz` its rate.
    """

    row: Row
    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]
    camera: str
    control_hz: float

    @property
    def stride(self) -> int:
        """Control steps from picture to picture."""
        return max(1, round(self.control_hz / _PICTURES_HZ))


@dataclass(frozen=True)
class Film:
    """A filmed episode. `mp4` plays at the robot's own speed; None: nothing could be filmed.

    `mismatch` says how the repetition differed from the row; None: it did not.
    """

    row: Row
    instruction: str
    mp4: bytes | None
    mismatch: str | None


@dataclass
class _Shooting:
    """A take under way: what was seen so far."""

    take: Take
    instruction: str = ""
    pictures: list[np.ndarray] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    error: str | None = None

    def see(self, progress: Progress) -> None:
        self.error = progress.error
        self.outcomes.extend(progress.outcomes)
        if progress.observation is not None:
            self.instruction = progress.observation.instruction
            self.pictures.append(progress.observation.images[self.take.camera])

    def next_actions(self) -> Float32[np.ndarray, "K A"]:
        """The next few stored actions; none when all were done, or the episode cannot go on."""
        last = self.outcomes[-1] if self.outcomes else None
        over = self.error is not None or (last is not None and (last.terminated or last.truncated))
        done = len(self.take.actions) if over else len(self.outcomes)
        return self.take.actions[done : done + self.take.stride]

    def finish(self) -> Film:
        mp4 = encode_mp4(self.pictures, self.take.control_hz / self.take.stride) if self.pictures else None
        return Film(self.take.row, self.instruction, mp4, self._mismatch())

    def _mismatch(self) -> str | None:
        row = self.take.row
        if self.error is not None:
            return f"the repetition failed: {self.error}"
        first = next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)
        if (len(self.outcomes), first) == (row.steps, row.success_step):
            return None
        return f"the row has {_outcome(row.steps, row.success_step)}, but its repetition {_outcome(len(self.outcomes), first)}"


def film(takes: Sequence[Take], slots: VectorEnv) -> list[Film]:
    """One film a take, in the order of `takes`; as many at once as there are slots."""
    waiting = list(enumerate(takes))[::-1]
    shooting: dict[int, tuple[int, _Shooting]] = {}
    films: dict[int, Film] = {}

    def begin(slot: int) -> None:
        if waiting:
            number, take = waiting.pop()
            shooting[slot] = number, _Shooting(take)
            slots.begin(slot, take.spec, take.start, (take.camera,))

    for slot in range(slots.num_slots):
        begin(slot)
    while shooting:
        for progress in slots.ready():
            number, scene = shooting[progress.slot]
            scene.see(progress)
            actions = scene.next_actions()
            if len(actions):
                slots.advance(progress.slot, actions, stop_on_success=False)
            else:
                films[number] = scene.finish()
                del shooting[progress.slot]
                begin(progress.slot)
    return [films[number] for number in range(len(takes))]


def _outcome(steps: int, success_step: int | None) -> str:
    return f"{'success at step ' + str(success_step) if success_step else 'no success'} in {steps} steps"
