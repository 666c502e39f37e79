"""`praxia data dream WORLD OUT --policy RUN --data SET`."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import expect_positive
from praxia.studio.console import counting, print_summary

__all__ = ["run"]


@dataclass(frozen=True)
class DreamArguments:
    """Run a policy inside a world and write what is imagined as a data set, which says so.

    Episodes begin with frames of SET, from which the world's probes are fitted too. Every episode has a generation
    number, one more than the latest of what the world, the policy and SET learned from. Training refuses mixtures that
    are dreamed by more than half, and dreams of dreams, unless a mixture file says otherwise. A world learns from none.
    """

    world: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WORLD")]
    """The folder of a world or of its training run."""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """A new folder."""
    policy: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """The policy that acts: the folder of its training run or of its weights. It sees the state alone."""
    data: Annotated[Path, tyro.conf.arg(metavar="SET")]
    """Recorded episodes of the world's embodiment."""
    episodes: Annotated[int, tyro.conf.arg(metavar="N")] = 100
    """Episodes to dream."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 50
    """Control steps of an episode, at most: a multiple of the world's stride."""
    execution_horizon: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: the world's stride)")
    ] = None
    """Actions of a chunk that are executed before the policy decides again: a multiple of the world's stride."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the starts and of the policy's noise."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where world and policy run. Default: a GPU if there is one."""
    resume: bool = False
    """Continue a killed dream: only its missing episodes."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Dream; returns the result of `collect.dream.dream`, and what the probes got wrong as "measured"."""
    options = parse(
        DreamArguments,
        arguments,
        "praxia data dream",
        example="praxia data dream runs/world data/dreams --policy runs/policy --data data/rooms --episodes 200",
    )
    expect_positive(episodes=options.episodes, steps=options.steps)

    from praxia.checkpoint.store import load_bound_policy, load_world, read_config
    from praxia.collect.dream import DreamPlan, RecordedStarts, dream, next_generation
    from praxia.core.errors import MismatchError
    from praxia.core.types import ChunkExecution
    from praxia.data.dataset import Dataset
    from praxia.evaluation.inside import expect_inside, read_inside
    from praxia.evaluation.planner_entry import OpenWorld
    from praxia.nn.device import find_device

    device, dataset = find_device(options.device), Dataset(options.data)
    world, identity = load_world(options.world, device)
    inside = read_inside(
        options.world, OpenWorld(world, identity.policy_sha256, identity.weights_sha256, device), [dataset]
    )
    policy, acts = load_bound_policy(options.policy, None, device)
    horizon = world.stride if options.execution_horizon is None else options.execution_horizon
    expect_positive(**{"execution-horizon": horizon})
    expect_inside(str(options.policy), policy, inside, ChunkExecution(horizon))
    if options.steps % world.stride or policy.window.horizon < horizon:
        got = f"{options.steps} steps" if options.steps % world.stride else f"chunks of {policy.window.horizon}"
        raise MismatchError(
            f"expected --steps of a multiple of {world.stride} and chunks of at least {horizon} actions, got {got}"
        )
    assert inside.probes is not None
    plan = DreamPlan(
        data=dataset.content_hash,
        world_sha256=identity.policy_sha256,
        probes_sha256=inside.probes.sha256,
        policy_sha256=acts.policy_sha256,
        generation=next_generation(
            [read_config(one)[0].provenance for one in (options.world, options.policy)], [dataset]
        ),
        episodes=options.episodes,
        steps=options.steps,
        execution_horizon=horizon,
        stride=world.stride,
        seed=options.seed,
    )
    starts = RecordedStarts(dataset)
    shown = tuple(one for one in world.embodiment.cameras if one.name in inside.observer.cameras)
    embodiment = replace(world.embodiment, cameras=shown, streams=())
    with counting("dream") as report:
        result = dream(
            plan,
            options.out,
            embodiment,
            policy,
            starts,
            partial(inside.slots, starts),
            resume=options.resume,
            report=report,
        )
    print_summary(result)
    return {**result, "measured": dict(inside.probes.measured)}
