import pytest

from praxia.envs.tabletop.family import GANTRY


@pytest.mark.parametrize(
    ("task", "steps"), [("touch", 100), ("place-combinations", 100), ("chain-2", 200), ("chain-5", 500)]
)
def test_a_demonstration_of_a_chain_has_time_for_every_part(task, steps):
    assert GANTRY.horizon(task) == steps
