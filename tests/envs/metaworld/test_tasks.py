import pytest
from metaworld.env_dict import ENV_CLS_MAP

from praxia.core.errors import UnknownName
from praxia.envs.metaworld.tasks import INSTRUCTIONS, short_name


def test_every_task_of_the_package_has_an_instruction_that_no_other_shares():
    assert {f"{task}-v3" for task in INSTRUCTIONS} == set(ENV_CLS_MAP)
    assert len(set(INSTRUCTIONS.values())) == len(INSTRUCTIONS) == 50


def test_instructions_are_plain_imperative_sentences():
    for text in INSTRUCTIONS.values():
        assert text == text.strip().lower()
        assert len(text.split()) >= 3


def test_the_packages_own_names_are_accepted():
    assert short_name("door-open-v3") == short_name("door-open") == "door-open"


def test_an_unknown_task_is_refused_with_the_nearest_names():
    with pytest.raises(UnknownName, match=r"'dor-open'; nearest: door-open"):
        short_name("dor-open")
