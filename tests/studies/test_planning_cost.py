"""The table of what planning costs. Times are not tested: they depend on the machine."""

import torch

from praxia.studies.planning_cost import TOKENS, planning_cost


def test_there_is_a_row_for_each_number_of_tokens():
    threads = torch.get_num_threads()
    rows = planning_cost((1, 4), candidates=60, repeats=1)
    assert [(row["tokens"], row["candidates"], row["blocks"], row["frames"]) for row in rows] == [
        (1, 60, 5, 3),
        (4, 60, 5, 3),
    ]
    assert all(row["plan_s"] == 30 * row["iteration_s"] > 0 for row in rows)
    assert torch.get_num_threads() == threads
    assert TOKENS == (1, 16, 64, 196)
