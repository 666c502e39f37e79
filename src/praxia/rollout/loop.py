"""The one loop in which policies meet environments: collection, evaluation and later deployment run it."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from praxia.core.embodiment import Embodiment
from praxia.core.types import ChunkExecution, Policy, VectorEnv
from praxia.rollout.corrected import correcting
from praxia.rollout.episode import RunningEpisode
from praxia.rollout.inference import Decisions, Inference, expect_real_time
from praxia.rollout.queues import GroupedQueue, JobQueue
from praxia.rollout.thinking import thinking
from praxia.rollout.types import Agent, Job, Recording, Step, Trajectory

__all__ = ["rollout", "run_episodes"]


def rollout(
    policy: Policy,
    slots: VectorEnv,
    jobs: Iterable[Job],
    *,
    execution: ChunkExecution,
    horizon: int,
    embodiment: Embodiment | None = None,
    steps_after_success: int | None = 0,
    recording: Recording | None = None,
    exact: bool = False,
    inference: Inference | None = None,
) -> Iterator[Trajectory]:
    """`run_episodes` of one policy: a slot stays with one environment while that has jobs left."""
    return run_episodes(
        [Agent(policy, execution)],
        slots,
        GroupedQueue(jobs, lambda job: job.spec),
        horizon=horizon,
        embodiment=embodiment,
        steps_after_success=steps_after_success,
        recording=recording,
        exact=exact,
        inference=inference,
    )


def run_episodes(
    agents: Sequence[Agent],
    slots: VectorEnv,
    jobs: JobQueue[Job],
    *,
    horizon: int,
    embodiment: Embodiment | None = None,
    steps_after_success: int | None = 0,
    recording: Recording | None = None,
    exact: bool = False,
    on_step: Callable[[Step], None] | None = None,
    inference: Inference | None = None,
) -> Iterator[Trajectory]:
    """Run every job once, by the agent that it names, and yield its trajectory when it ends, in no fixed order.

    A slot whose episode ended takes the next of `jobs` at once. A policy is queried for those of its episodes that are
    ready, while the others simulate. With `exact` it is queried for one episode at a time, so that the shapes of its
    arithmetic, and with them the result to the last bit, do not depend on which other episodes were ready.

    The first `execution.execution_horizon` valid actions of a decision are executed before the policy decides again. A
    policy that sees past steps observes those too, whatever the execution horizon. With `execution.ensemble` it decides
    at every step, and its valid predictions for that step are averaged. A policy that corrects its actions does so at
    every step (`rollout.corrected`), and one of two systems is given the intents of its thinker (`rollout.thinking`).
    An episode ends when the environment ends it, after `horizon` steps, or at the first decision with at least
    `steps_after_success` steps since success first held (0: at that very step; None: success does not end it).

    `on_step` is called with each step, in the order of its episode, as soon as it was executed; the loop itself keeps
    no observations of it. Then images are rendered after every step, the last one too. An episode that is run again
    begins at step 0 again, as the next attempt: whoever keeps steps drops those of the attempt before. One that a crash
    or a fault ends has no last step: its trajectory has the error.

    With an `inference`, such as `rollout.inference.ThreadedInference`, decisions are made beside the loop, which goes
    on meanwhile: it drives one robot in real time (`rollout.paced`). A decision takes effect when it arrives, a robot
    for which nothing is ready is held still, and commands are clipped to what the embodiment declares.

    A crash in the environment ends its episode with `Trajectory.error`, and so does a decision that is no chunk of
    actions of `embodiment` (None: of any) or that no robot should execute: see `rollout.faults`. A wrong number of
    decisions ends all episodes of that query. An episode whose worker process dies is run again from its start; the
    second time that is an error too. What a policy itself raises is raised here.
    """
    snapshots = recording is not None and recording.snapshots
    if inference is not None:
        expect_real_time(agents, slots.num_slots)
    agents = [correcting(thinking(agent)) for agent in agents]
    decisions = Decisions(agents, slots.num_slots, inference)
    running: dict[int, RunningEpisode] = {}

    def begin(slot: int, job: Job, attempt: int = 0) -> None:
        agent = agents[job.agent]
        options = {"attempt": attempt, "every_step": on_step is not None, "in_real_time": inference is not None}
        running[slot] = RunningEpisode(job, slot, agent, embodiment, recording, **options)
        cameras = tuple(dict.fromkeys((*agent.policy.window.observed, *(recording.cameras if recording else ()))))
        slots.begin(slot, job.spec, job.start, cameras, privileged=agent.policy.privileged, snapshots=snapshots)

    def begin_next(slot: int) -> None:
        running.pop(slot, None)
        job = jobs.take(slot)
        if job is not None:
            begin(slot, job)

    for slot in range(slots.num_slots):
        begin_next(slot)
    while running:
        arrived = [running[result.slot].update(result) for result in slots.ready()]
        lost = [episode for episode in arrived if episode.lost]
        ended = [episode for episode in arrived if not episode.lost and episode.is_over(horizon, steps_after_success)]
        waiting = [episode for episode in arrived if episode not in lost and episode not in ended]
        if on_step is not None:
            for episode in arrived:
                for step in episode.take_steps(is_over=episode in ended and episode.error is None):
                    on_step(step)
        for episode in lost:
            begin(episode.slot, episode.job, attempt=1)
        for episode in ended:
            begin_next(episode.slot)
        for batch in decisions.decided(waiting, running, exact):
            for episode in batch:
                if episode.error is None:
                    episode.plan(horizon)
                if episode.error is None:
                    actions = episode.planned_actions
                    # At the horizon nothing is decided any more: its image would be rendered for a recording alone.
                    keeps = recording is not None or on_step is not None
                    goes_on = keeps or episode.steps + len(actions) < horizon
                    observe = episode.observed_steps() if goes_on else ()
                    slots.advance(episode.slot, actions, stop_on_success=steps_after_success == 0, observe=observe)
                else:
                    begin_next(episode.slot)
                    ended.append(episode)
        yield from [episode.trajectory() for episode in ended]
