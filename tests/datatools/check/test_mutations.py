"""A sample of what `mutations.py` tries a thousand times: every kind of damage, with checksums or without."""

import pytest
from damage import KINDS, damaged
from trial import attempt

# With checksums; without them; and of v2.1.
SAMPLE = [*range(2, 2 * len(KINDS), 6), *range(1, 2 * len(KINDS), 5), *range(2 * len(KINDS) + 1, 4 * len(KINDS), 16)]


@pytest.mark.parametrize("number", SAMPLE)
def test_damage_is_noticed_and_never_read_as_something_else(number, healthy, tmp_path):
    bases, truth = healthy
    one = damaged(bases, number)
    trial = attempt(tmp_path / "set", one, truth[one.base])
    assert [fault for fault in trial.faults if fault.startswith("check")] == []
