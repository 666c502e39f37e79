"""Benchmarks on Meta-World v3 (McLean et al. 2025; metaworld 3.0.0, MuJoCo 3.8.1).

`fast` has the render profile "fast", Praxia's own starts (the split "test" of `praxia.envs`), and a camera that is
aimed at the table. Its state holds nothing that the robot could not measure. Its numbers are not comparable with those
under Meta-World's default camera, or with evaluations that put object positions into the state.

`lerobot`, `evo1` and `starvla` evaluate as those projects do. The modules of the same names in `praxia.envs.metaworld`
have their cameras, states, instructions and starts, with sources and deviations. Ten episodes per task are usual. Evo-1
and starVLA draw two of these starts twice, so evaluate more episodes for a better estimate.
"""

from collections.abc import Sequence
from dataclasses import replace

from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark

__all__ = [
    "DEMO",
    "EVO1_MT10",
    "EVO1_MT50",
    "LEROBOT_MT10",
    "LEROBOT_MT50",
    "MT10",
    "MT50",
    "STARVLA_MT10",
    "STARVLA_MT50",
    "by_difficulty",
]

MT10_TASKS = (
    "reach",
    "push",
    "pick-place",
    "door-open",
    "drawer-open",
    "drawer-close",
    "button-press-topdown",
    "peg-insert-side",
    "window-open",
    "window-close",
)

MT50_TASKS = (
    *("assembly", "basketball", "bin-picking", "box-close", "button-press", "button-press-topdown"),
    *("button-press-topdown-wall", "button-press-wall", "coffee-button", "coffee-pull", "coffee-push"),
    *("dial-turn", "disassemble", "door-close", "door-lock", "door-open", "door-unlock", "drawer-close"),
    *("drawer-open", "faucet-close", "faucet-open", "hammer", "hand-insert", "handle-press"),
    *("handle-press-side", "handle-pull", "handle-pull-side", "lever-pull", "peg-insert-side"),
    *("peg-unplug-side", "pick-out-of-hole", "pick-place", "pick-place-wall", "plate-slide"),
    *("plate-slide-back", "plate-slide-back-side", "plate-slide-side", "push", "push-back", "push-wall"),
    *("reach", "reach-wall", "shelf-place", "soccer", "stick-pull", "stick-push", "sweep", "sweep-into"),
    *("window-close", "window-open"),
)

# The grouping of Seo et al. 2022 ("Masked World Models for Visual Control", CoRL, arXiv 2206.14244), by which SmolVLA,
# TinyVLA, Evo-1 and others report: 11 medium, 6 hard and 5 very hard tasks; the other 28 are easy. The lists are equal
# in LeRobot's `metaworld_config.json`, Evo-1's `mt50_order.json` and starVLA's `eval_metaworld.py`.
_DIFFICULTY = {
    "medium": (
        *("basketball", "bin-picking", "box-close", "coffee-pull", "coffee-push", "hammer", "peg-insert-side"),
        *("push-wall", "soccer", "sweep", "sweep-into"),
    ),
    "hard": ("assembly", "hand-insert", "pick-out-of-hole", "pick-place", "push", "push-back"),
    "very hard": ("shelf-place", "disassemble", "stick-pull", "stick-push", "pick-place-wall"),
}


def by_difficulty(tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`tasks` in the groups of the literature: easy, medium, hard, very hard. Empty groups are left out."""
    harder = {task for group in _DIFFICULTY.values() for task in group}
    groups = {"easy": tuple(task for task in tasks if task not in harder)}
    groups |= {name: tuple(task for task in tasks if task in group) for name, group in _DIFFICULTY.items()}
    return {name: group for name, group in groups.items() if group}


def _mt10_of(mt50: Benchmark) -> Benchmark:
    """The benchmark with all fifty tasks, `metaworld-mt50/...`, reduced to the ten of MT10."""
    return replace(
        mt50,
        name=mt50.name.replace("mt50", "mt10"),
        summary=f"the ten tasks of MT10 among those of {mt50.name}",
        tasks=MT10_TASKS,
        groups=by_difficulty(MT10_TASKS),
    )


MT10 = Benchmark(
    name="metaworld-mt10/fast",
    summary="Meta-World's official set of ten tasks, one policy conditioned on the instruction",
    env="metaworld",
    tasks=MT10_TASKS,
    # The experts need 83 steps on average and at most 215. 400 leaves a slow policy time, and every failure costs less
    # than the simulator's 500.
    horizon=400,
    execution=ChunkExecution(execution_horizon=4),
    cameras=("workspace", "hand"),
    # The smallest goals are balls of 2 cm radius: four pixels in the table camera, and more in the hand camera.
    size=80,
    profile="fast",
    state="hand position and gripper opening",
    # As Meta-World counts: an episode is a success when the task was solved at any step.
    metric="ever",
    groups=by_difficulty(MT10_TASKS),
    averages_groups=True,
)

MT50 = replace(
    MT10,
    name="metaworld-mt50/fast",
    summary="all fifty tasks of Meta-World, one policy conditioned on the instruction",
    tasks=MT50_TASKS,
    groups=by_difficulty(MT50_TASKS),
)

DEMO = replace(
    MT10,
    name="metaworld-demo/fast",
    summary="eight tasks that need vision: what `make demo` learns in minutes",
    tasks=(
        "button-press",
        "button-press-topdown",
        "button-press-topdown-wall",
        "coffee-button",
        "door-lock",
        "door-unlock",
        "drawer-open",
        "window-open",
    ),
    # Over 160 starts of these tasks the experts needed 75 steps on average and 123 at most.
    horizon=200,
    cameras=("workspace",),
    size=64,
    groups={},
    averages_groups=False,
)

# As LeRobot evaluates (`lerobot-eval --env.type=metaworld`; 7427f31 of July 2026): at most 500 steps
# (`_max_episode_steps`), ending at success (`docs/source/metaworld.mdx`). Deviations: LeRobot leaves the number of
# executed actions per chunk to the policy (`n_action_steps`). Here it is 50, the default of its SmolVLA and pi0, or the
# whole chunk where that is shorter. LeRobot pins no MuJoCo.
LEROBOT_MT50 = Benchmark(
    name="metaworld-mt50/lerobot",
    summary="all fifty tasks as LeRobot evaluates them: its starts, its instructions, one camera in the corner",
    env="metaworld-lerobot",
    tasks=MT50_TASKS,
    horizon=500,
    execution=ChunkExecution(execution_horizon=50),
    cameras=("corner2",),
    size=480,
    profile="default",
    state="hand position and gripper opening",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
)

LEROBOT_MT10 = _mt10_of(LEROBOT_MT50)

# As Evo-1 evaluates (`mt50_evo1_client_prompt.py`, 1bf31c4 of August 2026). The state holds the object's position, so
# results are marked as privileged.
# Deviations: Evo-1 pins neither MuJoCo nor metaworld.
EVO1_MT50 = Benchmark(
    name="metaworld-mt50/evo1",
    summary="all fifty tasks as Evo-1 evaluates them, with the object's position in the state",
    env="metaworld-evo1",
    tasks=MT50_TASKS,
    # A step without action before the first observation is not counted.
    horizon=400,
    execution=ChunkExecution(execution_horizon=15),
    cameras=("corner2",),
    size=448,
    profile="default",
    state="hand position, gripper opening, and the object's position and first number of its rotation",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
    privileged_state=True,
)

EVO1_MT10 = _mt10_of(EVO1_MT50)

# As starVLA evaluates (`eval_metaworld.py`, 0ed0aad of August 2026). Its policies get the image and the instruction;
# say so beside the number where a policy also uses the state. Deviations: starVLA executes the whole chunk, whose
# length is 8 in its configuration for Meta-World. Here 8 actions are executed whatever the length of the chunk. starVLA
# pins neither MuJoCo nor metaworld.
STARVLA_MT50 = Benchmark(
    name="metaworld-mt50/starvla",
    summary="all fifty tasks as starVLA evaluates them: one cropped image and the instruction",
    env="metaworld-starvla",
    tasks=MT50_TASKS,
    # A step without action before the first observation is not counted.
    horizon=400,
    execution=ChunkExecution(execution_horizon=8),
    cameras=("corner2",),
    size=224,
    profile="default",
    state="hand position and gripper opening, which starVLA's own policies are not given",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
)

STARVLA_MT10 = _mt10_of(STARVLA_MT50)
