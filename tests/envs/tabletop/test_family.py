import pickle

import pytest

from praxia.envs.tabletop.family import ARM7, GANTRY


@pytest.mark.parametrize(
    ("task", "steps"), [("touch", 100), ("place-combinations", 100), ("chain-2", 200), ("chain-5", 500)]
)
def test_a_demonstration_of_a_chain_has_time_for_every_part(task, steps):
    assert GANTRY.horizon(task) == steps


def test_a_family_reaches_worker_processes():
    again = pickle.loads(pickle.dumps(ARM7))
    assert again.draw_start("touch", "test", 3) == ARM7.draw_start("touch", "test", 3)
