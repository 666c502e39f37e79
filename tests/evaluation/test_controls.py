import pytest
from toy_benchmark import family, other_instruction

from praxia.core.errors import PraxiaError, UnknownName
from praxia.envs import find_family
from praxia.evaluation.controls import control_wrappers

TASKS = ("walk", "run")
MANY = family(other=other_instruction)


def test_no_control_wraps_nothing():
    assert control_wrappers(None, "walk", TASKS, family()) == ()


@pytest.mark.parametrize("control", ["swapped-image", "frozen-state"])
def test_what_any_environment_can_spoil_needs_nothing_of_the_family(control: str):
    for known in (family(), MANY):
        assert control_wrappers(control, "walk", TASKS, known) == (control,)


def test_a_shuffled_instruction_is_the_next_tasks():
    assert control_wrappers("shuffled-instruction", "walk", TASKS, family()) == ("instruct:please run",)
    assert control_wrappers("shuffled-instruction", "run", TASKS, family()) == ("instruct:please walk",)


def test_another_instruction_is_the_familys_to_give():
    assert control_wrappers("other-instruction", "walk", TASKS, MANY) == ("other-instruction",)


def test_where_starts_have_their_own_instructions_none_can_be_shuffled():
    with pytest.raises(PraxiaError, match="use --control other-instruction") as caught:
        control_wrappers("shuffled-instruction", "walk", TASKS, MANY)
    assert "\n" not in str(caught.value)


def test_where_a_scene_has_one_instruction_there_is_no_other():
    with pytest.raises(PraxiaError, match=r"metaworld.*use --control shuffled-instruction") as caught:
        control_wrappers("other-instruction", "reach", ("reach", "push"), find_family("metaworld"))
    assert "\n" not in str(caught.value)


def test_an_unknown_control_names_the_nearest():
    with pytest.raises(UnknownName, match="other-instruction"):
        control_wrappers("other-instructions", "walk", TASKS, family())
