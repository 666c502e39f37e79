"""The one loop in which a policy meets environments: collection, evaluation and later deployment run this."""

from collections.abc import Iterable, Iterator

from praxia.core.errors import MismatchError
from praxia.core.types import Embodiment, Pace, Policy, VectorEnv
from praxia.rollout.faults import miscounted
from praxia.rollout.running import Running
from praxia.rollout.trace import Job, Recording, Trace
from praxia.rollout.waiting import Waiting

__all__ = ["rollout"]


def rollout(
    policy: Policy,
    slots: VectorEnv,
    jobs: Iterable[Job],
    *,
    pace: Pace,
    horizon: int,
    body: Embodiment | None = None,
    steps_after_success: int | None = 0,
    recording: Recording | None = None,
    exact: bool = False,
) -> Iterator[Trace]:
    """Run every job once and yield its trace when it has ended, in no promised order.

    A slot whose episode ended begins another job at once, one of the same environment while there is one. The
    policy is asked about whichever slots are ready, while the others simulate; with `exact` it is asked about one
    episode at a time, so that the shape of its arithmetic, and with it the result to the last bit, does not depend
    on who else was ready.

    The first `pace.executed_steps` valid actions of a decision are applied before the policy looks again; with a
    `pace.ensemble` it looks at every step, and its valid predictions for that step are averaged. An episode ends
    where the environment ends it, after `horizon` steps, or at the first look with at least `steps_after_success`
    steps since success first held (0: at that very step; None: success does not end it).

    A crash in the environment ends its episode with `Trace.error`, and so does a decision that is no chunk of actions
    of `body` (None: of any) or that no robot should execute: see `rollout.faults`. A wrong number of decisions ends
    the episodes that were asked about. An episode whose worker process dies is begun again from its start; the second
    time that is an error too. What the policy itself raises is raised here.

    Raises:
        MismatchError: the policy wants past observations, and only those at the looks exist.
    """
    if policy.window.history > 0 and pace.executed_steps > 1:
        raise MismatchError(
            f"the policy sees {policy.window.history} past steps, but with {pace.executed_steps} executed steps it"
            " looks only once in as many: evaluate it with a pace of 1"
        )
    cameras = tuple(dict.fromkeys((*policy.window.cameras, *(recording.cameras if recording else ()))))
    snapshots = recording is not None and recording.snapshots
    waiting, running = Waiting(jobs, lambda job: job.spec), dict[int, Running]()

    def begin(slot: int, job: Job, again: bool = False) -> None:
        running[slot] = Running(job, slot, policy.window.history + 1, pace, body, recording, again)
        slots.begin(slot, job.spec, job.start, cameras, privileged=policy.privileged, snapshots=snapshots)

    def begin_next(slot: int) -> None:
        before = running.pop(slot, None)
        job = waiting.take(before.job if before else None)
        if job is not None:
            begin(slot, job)

    carry = policy.start(slots.num_slots)
    for slot in range(slots.num_slots):
        begin_next(slot)
    while running:
        arrived = [running[progress.slot].take(progress) for progress in slots.ready()]
        lost = [episode for episode in arrived if episode.lost]
        ended = [episode for episode in arrived if not episode.lost and episode.is_over(horizon, steps_after_success)]
        asking = [episode for episode in arrived if episode not in lost and episode not in ended]
        for episode in lost:
            begin(episode.slot, episode.job, again=True)
        for episode in ended:
            begin_next(episode.slot)
        for batch in [[episode] for episode in asking] if exact else [asking] if asking else []:
            decisions, carry = policy.act([episode.query() for episode in batch], carry)
            if len(decisions) == len(batch):
                for episode, decision in zip(batch, decisions, strict=True):
                    episode.plan(decision, horizon)
            else:
                for episode in batch:
                    episode.error = miscounted(len(decisions), len(batch), episode.steps)
            for episode in batch:
                if episode.error is None:
                    slots.advance(episode.slot, episode.planned_actions, stop_on_success=steps_after_success == 0)
                else:
                    begin_next(episode.slot)
                    ended.append(episode)
        yield from [episode.trace() for episode in ended]
