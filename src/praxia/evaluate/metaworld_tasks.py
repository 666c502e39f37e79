"""Meta-World's sets of tasks, and how hard the field says they are."""

from collections.abc import Sequence
from dataclasses import replace

from praxia.evaluate.benchmarks import Benchmark

__all__ = ["MT10_TASKS", "MT50_TASKS", "by_difficulty", "mt10_of"]

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
    """`tasks` as the field groups them: easy, medium, hard, very hard; a group that none is in is left out."""
    harder = {task for group in _DIFFICULTY.values() for task in group}
    groups = {"easy": tuple(task for task in tasks if task not in harder)}
    groups |= {name: tuple(task for task in tasks if task in group) for name, group in _DIFFICULTY.items()}
    return {name: group for name, group in groups.items() if group}


def mt10_of(mt50: Benchmark) -> Benchmark:
    """The benchmark of all fifty tasks, `metaworld-mt50/...`, cut down to the ten of MT10."""
    return replace(
        mt50,
        name=mt50.name.replace("mt50", "mt10"),
        summary=f"the ten tasks of MT10 among those of {mt50.name}",
        tasks=MT10_TASKS,
        groups=by_difficulty(MT10_TASKS),
    )
