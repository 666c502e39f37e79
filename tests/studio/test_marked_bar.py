import re

import pytest

from praxia.studio.evaluation import MEANING
from praxia.studio.marked_bar import glyph, marked_bar, ruler

NOTHING = {"success": None, "ci95": None, "progress": None}


def rate(success, low=0.0, high=1.0, progress=None):
    return {"success": success, "ci95": [low, high], "progress": success if progress is None else progress}


def width(bar, class_):
    return float(re.search(rf'class="{class_}" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', bar)[1])


def marks(bar):
    return [float(x) for x in re.findall(r"translate\(([\d.]+) ", bar)]


@pytest.mark.parametrize("thin", [True, False])
def test_bar_progress_and_marks_share_one_scale(thin):
    bar = marked_bar(rate(0.25, 0.1, 0.5, progress=0.75), [("expert", 1.0), ("blind", 0.0)], 0.5, thin=thin)
    whole = width(bar, "track")
    assert width(bar, "fill") == pytest.approx(0.25 * whole, abs=0.1)
    assert width(bar, "done") == pytest.approx(0.75 * whole, abs=0.1)
    top, bottom = marks(bar)
    assert top - bottom == pytest.approx(whole, abs=0.1)
    level = float(re.search(r'class="level" x1="([\d.]+)"', bar)[1])
    assert level == pytest.approx((top + bottom) / 2, abs=0.1)


def test_who_cannot_see_it_is_told():
    bar = marked_bar(rate(0.25, 0.1, 0.5), [("expert", 1.0)], None)
    assert 'aria-label="25.0%, 95% interval 10.0–50.0%; expert 100.0%"' in bar
    assert "level" not in bar


def test_without_a_rate_there_is_no_bar_but_its_place():
    bar = marked_bar(NOTHING, [("expert", 1.0)], 0.5)
    assert 'class="fill"' not in bar
    assert "whisker" not in bar
    assert len(marks(bar)) == 1


def test_every_mark_lies_inside_its_drawing():
    bar = marked_bar(rate(1.0), [("expert", 1.0), ("zero", 0.0)], 1.0)
    whole = float(re.search(r'class="scale" width="(\d+)"', bar)[1])
    assert all(4 < x < whole - 4 for x in marks(bar))
    assert f'width="{whole:.0f}"' in ruler()


def test_kinds_look_different_but_for_the_two_controls_of_language():
    assert len({glyph(kind) for kind in MEANING}) == len(MEANING) - 1
    assert glyph("other-instruction") == glyph("shuffled-instruction")
    assert "onload" not in glyph('"><svg onload=1>')
