from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.data.episode import format_episodes, parse_episodes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", [3]), ("0-2", [0, 1, 2]), ("5, 1-2,5", [5, 1, 2]), ("6-6", [6]), (" 1 - 2 , 0 ", [1, 2, 0])],
)
def test_numbers_and_ranges_in_the_order_given(text, expected):
    assert parse_episodes(text, 7) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7", "there is no episode 7: the data set has episodes 0 to 6"),
        ("0-99999999999", "there is no episode 99999999999"),
        ("2-1", "a rising range of episodes, got '2-1'"),
        *((text, "expected episode numbers like 3,7-9, got") for text in ("", "a", "-1", "1,,2", "1-")),
    ],
)
def test_what_is_no_choice(text, message):
    with pytest.raises(PraxiaError, match=message):
        parse_episodes(text, 7)


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([3, 7, 8, 9], "3,7-9"), ([0, 1, 4], "0-1,4")])
def test_the_shortest_text(numbers, text):
    assert format_episodes(numbers) == text
    assert not numbers or parse_episodes(text, 10) == numbers


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"extras": {"value": np.zeros(4)}}, MismatchError, r"of 5 steps needs extra 'value' as numbers \[5, ...\]"),
        ({"extras": {"value": np.array(["a"] * 5)}}, MismatchError, "extra 'value' as numbers"),
        ({"extras": {"value": np.full(5, np.nan)}}, DataError, "extra 'value' that is not finite"),
        ({"actors": ["policy"]}, MismatchError, "needs 5 actors or none, got 1"),
    ],
)
def test_extras_and_actors_belong_to_the_steps(synthetic, changes, kind, message):
    with pytest.raises(kind, match=message):
        replace(synthetic.episode(0, length=5), **changes)


def test_actors_have_known_names(synthetic):
    episode = synthetic.episode(0, length=5)
    object.__setattr__(episode, "actors", ["human"] * 5)  # what the types of the tests would refuse before
    with pytest.raises(MismatchError, match="expected actors among policy, expert, person, got 'human'"):
        episode.__post_init__()
