"""The learner in the rollout loop: it explores, learns between decisions, and can go on after a kill.

Axes: B rows, K control steps, P numbers of privileged state, A action dims.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.keys import generator
from praxia.core.types import Decision, EnvSpec, Query, SlotResult, Start, VectorEnv
from praxia.core.window import Window
from praxia.policies.specialist import flat_states
from praxia.reinforce.learner import Learner
from praxia.reinforce.transitions import Transition, TransitionMaker, as_row
from praxia.rollout.types import Job, Step
from praxia.transforms.chain import Transforms

__all__ = ["Interaction", "Lockstep"]


class Lockstep:
    """A `VectorEnv` whose results come together: all slots that are under way, in the order of their numbers.

    So neither what a learner learns from nor when it acts depends on which slot was fastest. `delays` are calls of
    `ready`, by slot, for which its first result is kept back.
    """

    def __init__(self, slots: VectorEnv, delays: Mapping[int, int] | None = None):
        self.num_slots = slots.num_slots
        self._slots = slots
        self._pending: set[int] = set()
        self._found: dict[int, SlotResult] = {}
        self._delays = dict(delays or {})

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
        self._pending.add(slot)
        self._slots.begin(slot, spec, start, cameras, privileged=privileged, snapshots=snapshots)

    def advance(
        self,
        slot: int,
        actions: Float32[np.ndarray, "K A"],
        stop_on_success: bool,
        observe: Sequence[int] | None = None,
    ) -> None:
        self._pending.add(slot)
        self._slots.advance(slot, actions, stop_on_success, observe)

    def ready(self) -> list[SlotResult]:
        while self._pending - self._found.keys():
            self._found |= {result.slot: result for result in self._slots.ready()}
        self._pending.clear()
        due = [slot for slot in sorted(self._found) if not self._delays.get(slot)]
        self._delays = {slot: delay - 1 for slot, delay in self._delays.items() if delay > 0}
        return [self._found.pop(slot) for slot in due]

    def close(self) -> None:
        self._slots.close()


class Interaction:
    """A `Policy`, a `JobQueue` and a receiver of steps in one: what a run of reinforcement learning is to the loop.

    Whenever the loop asks for decisions, all steps since the last ones have been handed on, by slot. Then the learner
    makes its updates, and `between` is called. Each decision's noise depends on its episode's key and the step.

    An open episode is known by its job and the actions executed so far. After a kill it is run again: its first
    decision is all these actions, which lead to where it was, since simulators repeat starts bit by bit; steps that
    were learned from before are not learned from again. Episodes without an action yet wait for these (`delays`), so
    that all slots go on together.
    """

    privileged = True
    embodiment: Embodiment | None

    def __init__(
        self,
        learner: Learner,
        make_job: Callable[[int], Job],
        embodiment: Embodiment,
        transforms: Transforms,
        layout: Mapping[str, int],
        *,
        steps: int,
        repeat: int,
        reward_scale: float,
    ):
        self.learner, self.embodiment, self.window = learner, embodiment, Window({"state": (0,)}, repeat)
        # Control steps that were learned from, and the number of the next episode.
        self.env_steps, self.next_job = 0, 0
        self._steps, self._make_job = steps, make_job
        # Called with the metrics of each update, and whether `open_episodes` is all there is to go on from.
        self.between: Callable[[list[dict[str, Tensor]], bool], None] = lambda metrics, is_known: None
        self._transforms, self._layout, self._reward_scale = transforms, layout, reward_scale
        self._transitions = TransitionMaker(layout, self._add)
        self._job_of_slot: dict[int, int] = {}
        # The actions of each open episode, by its job.
        self._open: dict[int, list[np.ndarray]] = {}
        # The slots whose episodes ask for a decision; those of the others are beginning meanwhile.
        self._deciding: frozenset[int] = frozenset()
        # By slot, those of the episodes that were open at the kill.
        self._again: dict[int, tuple[int, np.ndarray]] = {}
        # By slot, for how many rounds its first decision waits after a kill.
        self.delays: dict[int, int] = {}

    @property
    def is_done(self) -> bool:
        """Whether it has had its steps. Episodes under way go on, and nothing is learned from them any more."""
        return self.env_steps >= self._steps

    def take(self, worker: Hashable) -> Job | None:
        """The next episode for a slot: the one that was open there, or a new one."""
        assert isinstance(worker, int)
        self._open.pop(self._job_of_slot.get(worker, -1), None)
        if worker in self._again and worker not in self._job_of_slot:
            number = self._again[worker][0]
        elif self.is_done:
            return None
        else:
            number, self.next_job = self.next_job, self.next_job + 1
        self._job_of_slot[worker], self._open[number] = number, []
        return self._make_job(number)

    def on_step(self, step: Step) -> None:
        """Take a step of an open episode; of an episode that begins again, because its worker died, from there."""
        if self.is_done:
            return
        if step.index == 0:
            self._open[step.job.index] = []
        self._open[step.job.index].append(step.action)
        if step.index >= self._learned(step.job.index):
            self._transitions(step)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        if not self.is_done:
            metrics = self.learner.learn()
            self._deciding = frozenset(query.row for query in queries)
            self.between(metrics, self._is_known(queries))
        actions, extras = self._explore(queries)
        decisions = []
        for row, query in enumerate(queries):
            chunk, said = actions[row], {name: value[row] for name, value in extras.items()}
            if query.step == 0 and query.row in self._again and self._is_again(query.row):
                chunk = self._again[query.row][1]
            repeated = {name: np.repeat(value[None], len(chunk), axis=0) for name, value in said.items()}
            decisions.append(Decision(chunk, np.ones(len(chunk), dtype=bool), extras=repeated))
        return decisions, None

    def open_episodes(self) -> dict[str, np.ndarray]:
        """What is under way, by name: each slot's job and its actions so far, who is beginning, and the counters."""
        jobs = dict(sorted(self._job_of_slot.items()))
        slots = {f"{slot:05d}": self._actions(number) for slot, number in jobs.items()}
        beginning = [slot for slot in jobs if slot not in self._deciding]
        counts = {"env_steps": self.env_steps, "next_job": self.next_job, "jobs": list(jobs.values())}
        numbers = {**counts, "beginning": beginning}
        return {**slots, **{name: np.array(value, np.int64) for name, value in numbers.items()}}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Go on from what `open_episodes` returned."""
        self.env_steps, self.next_job = int(saved["env_steps"]), int(saved["next_job"])
        self._again = {slot: (int(number), saved[f"{slot:05d}"]) for slot, number in enumerate(saved["jobs"])}
        # What has actions executes them first; then all that asked for a decision do so again, while others begin.
        beginning = set(saved.get("beginning", np.zeros(0, np.int64)).tolist())
        rounds = {slot: 2 if slot in beginning else int(len(done) == 0) for slot, (_, done) in self._again.items()}
        self.delays = {slot: count - min(rounds.values()) for slot, count in rounds.items()}

    def _is_known(self, queries: Sequence[Query]) -> bool:
        """Whether the actions of each open episode lead to where it is: not of one that is being run again."""
        steps = {query.row: query.step for query in queries}
        return all(
            len(self._open[number]) == steps.get(slot, 0) >= self._learned(number)
            for slot, number in self._job_of_slot.items()
        )

    def _actions(self, number: int) -> Float32[np.ndarray, "K A"]:
        assert self.embodiment is not None
        return np.array(self._open[number], np.float32).reshape(-1, self.embodiment.action_dim)

    def _is_again(self, slot: int) -> bool:
        """Whether the episode of the slot has actions to execute again."""
        number, done = self._again[slot]
        return number == self._job_of_slot[slot] and len(done) > 0

    def _learned(self, number: int) -> int:
        """How many steps of an episode were learned from before a kill."""
        return next((len(actions) for job, actions in self._again.values() if job == number), 0)

    def _add(self, transition: Transition) -> None:
        self.env_steps += transition.num_steps
        row = as_row(transition, self._transforms, self._reward_scale)
        self.learner.add(transition.episode, row, transition.truncated, transition.extras)

    def _explore(self, queries: Sequence[Query]) -> tuple[Float32[np.ndarray, "B K A"], dict[str, np.ndarray]]:
        random = [generator("explore", query.key, query.step) for query in queries]
        actions, extras = self.learner.explore(flat_states(queries, self._layout), random)
        chunks = self._transforms.decode(actions[:, None], 0)
        return np.repeat(chunks, self.window.horizon, axis=1), extras
