"""From a run's options to a specialist: practise, evaluate from unseen starts, write the policy."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from praxia.checkpoint.migration import RUN_SCHEMA
from praxia.checkpoint.store import PolicyConfig, save_policy
from praxia.core.config import config_to_json
from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, PraxiaError, expect_positive
from praxia.core.files import remove_leftovers, write_atomic
from praxia.core.lock import Lock
from praxia.core.simulator import expect_simulator
from praxia.core.types import ChunkExecution, EnvSpec, Policy, VectorEnv
from praxia.core.window import Window
from praxia.envs.family import EnvFamily, RewardDeclaration
from praxia.nn.types import Shapes
from praxia.policies.specialist import Specialist, action_transforms
from praxia.reinforce.config import PPO, Practice, ReinforceRun
from praxia.reinforce.demonstrations import Demonstration, read_demonstrations, repeat_demonstrations
from praxia.reinforce.interaction import Interaction, Lockstep
from praxia.reinforce.learner import Learner
from praxia.reinforce.log import PracticeLog, ReportProgress
from praxia.reinforce.ppo import PPOLearner
from praxia.reinforce.sac import SACLearner
from praxia.reinforce.state import ReinforceState
from praxia.reinforce.transitions import Replay, as_row
from praxia.results.statistics import wilson_interval
from praxia.rollout.loop import rollout, run_episodes
from praxia.rollout.pool import MakeSlots, process_pool
from praxia.rollout.types import Agent, Job, Trajectory
from praxia.training.run_lock import expect_same_config, expect_same_data
from praxia.training.saving import Saver, disk_full
from praxia.transforms.chain import Transforms

__all__ = ["reinforce"]


def reinforce(
    run: ReinforceRun,
    out: Path,
    family: EnvFamily,
    *,
    command: str,
    demos: Path | None = None,
    workers: int = 1,
    make_slots: MakeSlots | None = None,
    resume: bool = False,
    report: ReportProgress = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Train a specialist of one task, write it to `out/policy`, and return what it can do.

    Returns `{checkpoint, success, ci95, metric, success_end, episodes, errors, env_steps, updates, minutes,
    policy_sha256, weights_sha256}`. `success` is the share of `run.train.episodes` episodes of the test split in which
    success held at any step (`metric` "ever"), with its Wilson interval; `success_end` counts the last step alone. The
    policy acts without noise. Crashed episodes count in neither. `minutes` is the wall time of this call.

    Rewards are those that the family declares, divided by the largest of their range. An episode lasts as long as a
    demonstration of the task may, or the reward's declared horizon where that is shorter. Success ends no episode.

    With `demos`, a data set that Praxia recorded, a share of each batch (`SAC.demonstration_share`) is drawn from its
    successful episodes of the task, repeated as in `reinforce.demonstrations`; the result then has `demonstrations`:
    {episodes, transitions, left_out}, of which those are left out that did not succeed again.

    The networks are trained on the CPU in this process, with one thread; environments are in `workers` processes, or in
    what `make_slots(number of slots)` returns. Neither changes the result. With `resume` a run goes on from its last
    state, and ends with the weights that it would have had undisturbed.

    Raises:
        PraxiaError: no workers, `out` holds a run and `resume` is False, or another run than the one to resume, or
            another process writes there.
        MismatchError: an environment without privileged state or declared rewards, an action without a range, or
            `demos` of another embodiment or writer.
        DataError: `demos` without episodes of the task that succeed again.
        UnknownName: the task has no reward of that name.
        TrainingError: a loss is not finite, many episodes crashed in a row, or the disk is full; states saved before
            are kept.
    """
    torch.set_num_threads(1)
    expect_positive(workers=workers)
    _expect_demonstrations(run, demos)
    began_s = time.perf_counter()
    task = _Task.of(run, family)
    make_slots = make_slots or partial(_pool, family, workers)
    data = None if demos is None else read_demonstrations(demos, task.spec, task.embodiment)
    description = {
        "schema": RUN_SCHEMA,
        "recipe": run.algorithm,
        "config": config_to_json(run),
        "command": command,
        "data": [] if data is None else [data[1].identity],
        "seed": run.train.seed,
    }
    with disk_full(out), Lock(out / ".lock", out):
        _expect_own_run(out, description, resume)
        counts, shown = dict[str, Any](), None
        if data is not None:
            shown, counts = _demonstrations(task, data[0], make_slots, run.train)
        interaction = _interaction(run, task, family, shown)
        # Only now is it this run's folder: what is refused before leaves it to a corrected command.
        write_atomic(out / "run.json", json.dumps(description, indent=1))
        _practise(interaction, task, run.train, out, make_slots, resume, report)
        weights = interaction.learner.actor.state_dict()
        window = Window({"state": (0,)}, run.train.repeat)
        config = PolicyConfig(task.model, task.shapes, task.transforms, (task.embodiment,), window, description)
        identity = save_policy(out / "policy", config, weights)
        ended = _evaluate(config.build(weights), task, run.train, family, make_slots)
    return {
        "checkpoint": str(out / "policy"),
        **_success(ended),
        "env_steps": interaction.env_steps,
        "updates": interaction.learner.updates,
        "minutes": (time.perf_counter() - began_s) / 60,
        **counts,
        **identity.to_json(),
    }


@dataclass(frozen=True)
class _Task:
    """What a run's task fixes: the environment and its horizon, what the policy reads, and how rewards are scaled."""

    spec: EnvSpec
    horizon: int
    embodiment: Embodiment
    transforms: Transforms
    model: Specialist
    shapes: Shapes
    reward_scale: float

    @classmethod
    def of(cls, run: ReinforceRun, family: EnvFamily) -> "_Task":
        spec, reward = _rewarded(run, family)
        embodiment = family.embodiment(spec)
        transforms = action_transforms(embodiment, family.instructions[run.task])
        dims = (embodiment.state_dim, embodiment.action_dim)
        return cls(
            spec,
            min(family.horizon(run.task), reward.horizon),
            embodiment,
            transforms,
            Specialist(_layout(family, spec), run.learner.width, run.learner.depth),
            Shapes((), 0, 1, (dims,), run.train.repeat, transforms.tokenizer.vocab_size),
            1 / max(abs(reward.low), abs(reward.high)),
        )


def _expect_demonstrations(run: ReinforceRun, demos: Path | None) -> None:
    if (run.algorithm == "rlpd") != (demos is not None):
        raise PraxiaError(
            f"expected {'--demos DIR' if demos is None else 'no --demos'} with {run.algorithm}, got"
            f" {'none' if demos is None else demos}: rlpd alone learns from demonstrations"
        )


def _rewarded(run: ReinforceRun, family: EnvFamily) -> tuple[EnvSpec, RewardDeclaration]:
    """The environment with the run's reward, and what the family declares of that.

    Raises:
        MismatchError: the family declares no rewards.
        UnknownName: it has no reward of that name.
    """
    declared = list(family.rewards(run.task)) if family.rewards is not None else []
    name = run.reward or ("dense" if "dense" in declared else None)
    spec = EnvSpec(run.env, run.task, options={} if name is None else {"reward": name})
    spec = family.without_default_reward(spec)
    return spec, family.reward(spec)


def _demonstrations(
    task: _Task, found: list[Demonstration], make_slots: MakeSlots, train: Practice
) -> tuple[Replay, dict[str, Any]]:
    """Transitions of the demonstrations that succeed again, and how many there are.

    Raises:
        DataError: none succeeds again.
    """
    sizes = {"slots": train.slots, "repeat": train.repeat, "horizon": task.horizon}
    layout = task.model.privileged
    episodes = repeat_demonstrations(found, task.spec, task.embodiment, layout, make_slots, **sizes)
    transitions = [one for episode in episodes for one in episode]
    if not transitions:
        raise DataError(
            f"none of {len(found)} demonstrations succeeds again with actions repeated for {train.repeat} steps: give a"
            " smaller --train.repeat, or record them without noise"
        )
    shown = Replay(len(transitions), sum(layout.values()), task.embodiment.action_dim)
    for one in transitions:
        shown.add(as_row(one, task.transforms, task.reward_scale))
    left_out = len(found) - len(episodes)
    counts = {"episodes": len(episodes), "transitions": len(transitions), "left_out": left_out}
    return shown, {"demonstrations": counts}


def _interaction(run: ReinforceRun, task: _Task, family: EnvFamily, shown: Replay | None) -> Interaction:
    """The learner with fresh weights, in the loop."""
    train = run.train
    with torch.random.fork_rng([]):
        torch.manual_seed(train.seed)
        actor = task.model.build(task.shapes)
        learner: Learner
        if isinstance(run.learner, PPO):
            learner = PPOLearner(actor, task.embodiment.action_dim, run.learner, train.seed)
        else:
            learner = SACLearner(actor, task.embodiment.action_dim, run.learner, train.seed, shown)
    return Interaction(
        learner,
        partial(_job, family, task.spec, f"train-{train.seed}", train.seed),
        task.embodiment,
        task.transforms,
        task.model.privileged,
        steps=train.steps,
        repeat=train.repeat,
        reward_scale=task.reward_scale,
    )


def _practise(
    interaction: Interaction,
    task: _Task,
    train: Practice,
    out: Path,
    make_slots: MakeSlots,
    resume: bool,
    report: ReportProgress,
) -> None:
    """Run episodes until the learner has had its steps; states and metrics are written to `out`."""
    state = ReinforceState(out / "state", interaction)
    resumed_from = state.load() if resume else 0
    execution = ChunkExecution(task.horizon)  # each decision's chunk has the repeated action alone
    with (
        closing(PracticeLog(out, train, resumed_from, report)) as log,
        Saver(state, train.checkpoint_s) as saver,
        closing(Lockstep(make_slots(train.slots), interaction.delays)) as slots,
    ):

        def between(metrics: list[dict[str, Tensor]], is_known: bool) -> None:
            log.add(interaction.env_steps, metrics)
            if is_known and saver.due():
                saver.save(interaction.env_steps)

        interaction.between = between
        trajectories = run_episodes(
            [Agent(interaction, execution)],
            slots,
            interaction,
            horizon=task.horizon,
            embodiment=task.embodiment,
            steps_after_success=None,
            on_step=interaction.on_step,
        )
        for trajectory in trajectories:
            log.ended(trajectory)
            if interaction.is_done:
                break
        log.add(interaction.env_steps, [])


def _evaluate(
    policy: Policy, task: _Task, train: Practice, family: EnvFamily, make_slots: MakeSlots
) -> list[Trajectory]:
    """Episodes from starts of the test split, to their ends."""
    jobs = [_job(family, task.spec, "test", train.seed, number) for number in range(train.episodes)]
    execution = ChunkExecution(train.repeat)
    options = {"embodiment": task.embodiment, "horizon": task.horizon, "steps_after_success": None}
    with closing(make_slots(min(train.slots, train.episodes))) as slots:
        # With `exact` no bit depends on which slots were ready together, and so on how many workers there are.
        return list(rollout(policy, slots, jobs, execution=execution, exact=True, **options))


def _layout(family: EnvFamily, spec: EnvSpec) -> Mapping[str, int]:
    """The layout of the privileged state, which only a built environment knows."""
    env = expect_simulator(family.build(spec), "a specialist, which reads privileged state")
    layout = dict(env.privileged_layout)
    env.close()
    return layout


def _pool(family: EnvFamily, workers: int, num_slots: int) -> VectorEnv:
    """So many slots in at most `workers` processes, which divide them evenly."""
    processes = max(count for count in range(1, num_slots + 1) if num_slots % count == 0 and count <= workers)
    return process_pool(family.build, processes, num_slots // processes)(num_slots)


def _job(family: EnvFamily, spec: EnvSpec, split: str, seed: int, number: int) -> Job:
    start = family.draw_start(spec.task, split, number)
    return Job(spec, start, f"{seed}/{number}/{start.key}", number)


def _expect_own_run(out: Path, description: dict[str, Any], resume: bool) -> None:
    """Check that `out` is this run's folder, or holds no run."""
    remove_leftovers(out)
    path = out / "run.json"
    if path.exists():
        if not resume:
            raise PraxiaError(f"{out} holds a run already; continue it with --resume or choose another --out")
        before = json.loads(path.read_text())
        if before["recipe"] != description["recipe"]:
            raise PraxiaError(
                f"{out} holds a run of {before['recipe']!r}, got {description['recipe']!r}: choose another --out"
            )
        expect_same_config(out, before, json.loads(json.dumps(description)))
        expect_same_data(out, before["data"], description["data"])


def _success(ended: list[Trajectory]) -> dict[str, Any]:
    """How often success held at any step, and at the last one, of the episodes that did not crash."""
    counted = [one for one in ended if one.error is None]
    if not counted:
        raise PraxiaError(f"every episode crashed; the first: {ended[0].error}. The policy is kept")
    successes = sum(bool(one.success_ever) for one in counted)
    return {
        "success": successes / len(counted),
        "ci95": list(wilson_interval(successes, len(counted))),
        "metric": "ever",
        "success_end": sum(bool(one.success_end) for one in counted) / len(counted),
        "episodes": len(counted),
        "errors": len(ended) - len(counted),
    }
