import pytest

from praxia.core.errors import PraxiaError
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
