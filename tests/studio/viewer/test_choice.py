import pytest

from praxia.core.errors import PraxiaError, UnknownName
from praxia.studio.viewer.choice import chosen_cameras, chosen_episodes


@pytest.mark.parametrize(("text", "expected"), [("3", [3]), ("0-2", [0, 1, 2]), ("5, 1-2,5", [5, 1, 2]), ("6-6", [6])])
def test_numbers_and_ranges_in_the_order_given(demos, text, expected):
    assert chosen_episodes(demos, text) == expected


@pytest.mark.parametrize("text", ["7", "0-7", "2-1", "0-99999999999"])
def test_an_episode_that_is_not_there(demos, text):
    with pytest.raises(PraxiaError, match=rf"expected --episodes within 0-6, which .*demos has, got '{text}'"):
        chosen_episodes(demos, text)


@pytest.mark.parametrize("text", ["", "a", "-1", "1,,2", "1-"])
def test_what_is_no_choice(demos, text):
    with pytest.raises(PraxiaError, match="such as 0-4 or 3,7,10-12"):
        chosen_episodes(demos, text)


def test_cameras_by_name(demos):
    assert chosen_cameras(demos, []) == ("front", "wrist")
    assert chosen_cameras(demos, ["wrist", "wrist"]) == ("wrist",)
    with pytest.raises(UnknownName, match="unknown camera 'frnt'; nearest: front"):
        chosen_cameras(demos, ["frnt"])
