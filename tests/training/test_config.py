import itertools

from praxia.training.config import warmup_cosine


def test_the_schedule_warms_up_and_decays_to_a_tenth():
    rates = [warmup_cosine(step, 1.0, 10, 110) for step in range(111)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0
    assert abs(rates[60] - 0.55) < 1e-9
    assert abs(rates[110] - 0.1) < 1e-9
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_the_rate_may_stay_or_fall_to_nothing():
    assert {warmup_cosine(step, 2.0, 0, 100, final=1.0) for step in range(101)} == {2.0}
    assert abs(warmup_cosine(60, 1.0, 10, 110, final=0.0) - 0.5) < 1e-9
    assert abs(warmup_cosine(110, 1.0, 10, 110, final=0.0)) < 1e-9
