"""Control conditions: the same policy and starts with one of its senses spoiled, to see what it really uses."""

from collections.abc import Callable

from praxia.core.errors import PraxiaError, UnknownName
from praxia.envs.family import EnvFamily

__all__ = ["CONTROLS", "control_wrappers"]

# From (task, all tasks of the benchmark, their family) to the environment wrappers that spoil it.
Control = Callable[[str, tuple[str, ...], EnvFamily], tuple[str, ...]]


def _swapped_image(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """Images from another start of the same task: what the policy scores without seeing its own scene."""
    return ("swapped-image",)


def _shuffled_instruction(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The instruction of the benchmark's next task, cyclic: always another one."""
    if family.other_instruction is not None:
        raise PraxiaError(
            f"shuffled-instruction expects one instruction a task, but in {family.name} every start has its own:"
            " use --control other-instruction"
        )
    other = family.instructions[tasks[(tasks.index(task) + 1) % len(tasks)]]
    if other == family.instructions[task]:
        raise PraxiaError("shuffled-instruction needs a benchmark whose tasks have different instructions")
    return (f"instruct:{other}",)


def _other_instruction(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """Another instruction that can be followed in the same scene; success stays that of the start's own."""
    if family.other_instruction is None:
        raise PraxiaError(
            f"other-instruction expects scenes with several things to do, but {family.name} knows one instruction"
            " a task: use --control shuffled-instruction"
        )
    return ("other-instruction",)


def _frozen_state(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The state of the episode's first moment for ever: what the policy scores without feeling where its embodiment is."""
    return ("frozen-state",)


CONTROLS: dict[str, Control] = {
    "swapped-image": _swapped_image,
    "frozen-state": _frozen_state,
    "shuffled-instruction": _shuffled_instruction,
    "other-instruction": _other_instruction,
}


def control_wrappers(control: str | None, task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The environment wrappers of a control for one task of a benchmark; no control has none.

    Raises:
        UnknownName: no control has that name.
        PraxiaError: the family or the benchmark has no other instruction to give.
    """
    if control is None:
        return ()
    if control not in CONTROLS:
        raise UnknownName("control", control, CONTROLS, "praxia eval --help")
    return CONTROLS[control](task, tasks, family)
