"""Control conditions: the same policy and starts with one input disturbed, to see what the policy really uses."""

from collections.abc import Callable

from praxia.core.errors import PraxiaError, UnknownName
from praxia.envs.family import EnvFamily

__all__ = ["CONTROLS", "control_wrappers"]

# From (task, all tasks of the benchmark, their family) to the environment wrappers that disturb the input.
Control = Callable[[str, tuple[str, ...], EnvFamily], tuple[str, ...]]


def _swapped_image(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """Images of another start of the same task: the policy does not see its own scene."""
    return ("swapped-image",)


def _shuffled_instruction(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The instruction of the benchmark's next task, cyclically."""
    if family.other_instruction is not None:
        raise PraxiaError(
            f"shuffled-instruction expects one instruction per task, but in {family.name} every start has its own:"
            " use --control other-instruction"
        )
    other = family.instructions[tasks[(tasks.index(task) + 1) % len(tasks)]]
    if other == family.instructions[task]:
        raise PraxiaError("shuffled-instruction needs a benchmark whose tasks have different instructions")
    return (f"instruct:{other}",)


def _other_instruction(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """Another instruction that can be followed in the same scene. Success is that of the start's own instruction."""
    if family.other_instruction is None:
        raise PraxiaError(
            f"other-instruction expects scenes with several possible tasks, but {family.name} has one instruction per"
            " task: use --control shuffled-instruction"
        )
    return ("other-instruction",)


def _frozen_state(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The state of the first timestep throughout the episode: the policy does not sense its own motion."""
    return ("frozen-state",)


def _shuffled_intent(task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """Intents of other episodes (`evaluation.shuffled_intents`), in an environment as it is."""
    return ()


CONTROLS: dict[str, Control] = {
    "swapped-image": _swapped_image,
    "frozen-state": _frozen_state,
    "shuffled-instruction": _shuffled_instruction,
    "other-instruction": _other_instruction,
    "shuffled-intent": _shuffled_intent,
}


def control_wrappers(control: str | None, task: str, tasks: tuple[str, ...], family: EnvFamily) -> tuple[str, ...]:
    """The environment wrappers of a control condition for one task of a benchmark. Without a control there are none.

    Raises:
        UnknownName: there is no such control.
        PraxiaError: the family or the benchmark has no other instruction.
    """
    if control is None:
        return ()
    if control not in CONTROLS:
        raise UnknownName("control", control, CONTROLS, "praxia eval --help")
    return CONTROLS[control](task, tasks, family)
