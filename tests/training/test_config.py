import itertools

from praxia.training.config import warmup_cosine


def test_the_schedule_warms_up_and_decays_to_a_tenth():
    rates = [warmup_cosine(step, 1.0, 10, 110) for step in range(111)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0
    assert abs(rates[60] - 0.55) < 1e-9
    assert abs(rates[110] - 0.1) < 1e-9
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
