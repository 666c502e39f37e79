import re

import pytest

from praxia.studio.charts import Series, interval_bar, line_chart


def numbers(pattern, text):
    return [float(found) for found in re.findall(pattern, text)]


def test_a_bar_is_as_long_as_its_rate_and_its_whisker_as_wide_as_the_interval():
    bar = interval_bar(0.5, 0.25, 0.75, width=102)
    assert numbers(r'class="fill" x="1" y="3" width="([\d.]+)"', bar) == [50]
    assert numbers(r'x1="([\d.]+)"', bar)[0] == 26
    assert numbers(r'x2="([\d.]+)"', bar)[0] == 76
    assert 'aria-label="50.0%, 95% interval 25.0% to 75.0%"' in bar


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_bars_at_the_ends_stay_inside(rate):
    bar = interval_bar(rate, rate, rate, width=102)
    assert all(0 <= x <= 102 for x in numbers(r'x[12]="([\d.]+)"', bar))


def points(chart):
    return [tuple(map(float, pair.split(","))) for pair in re.search(r'points="([^"]*)"', chart)[1].split()]


def test_a_straight_line_stays_straight_and_begins_at_zero():
    (x0, y0), (x1, y1), (x2, y2) = points(line_chart("speed", "step", [Series("a", [0.0, 5.0, 10.0], [0.0, 2.0, 4.0])]))
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)
    assert y2 < y0, "larger values are higher up"


def test_on_a_logarithmic_axis_equal_ratios_are_equal_distances():
    (_, y0), (_, y1), (_, y2) = points(
        line_chart("loss", "step", [Series("a", [1.0, 2.0, 3.0], [1.0, 0.1, 0.01])], log=True)
    )
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


@pytest.mark.parametrize("values", [[0.0, 0.0], [3e-5, 2e-5], [7.0], [1234.5, 99999.0]])
@pytest.mark.parametrize("log", [False, True])
def test_every_point_lies_inside_the_chart(values, log):
    chart = line_chart(
        "t", "x", [Series("a", [float(x) for x in range(1, len(values) + 1)], values)], log=log and min(values) > 0
    )
    assert all(0 <= x <= 560 and 0 <= y <= 260 for x, y in points(chart))


def test_several_lines_have_a_legend_and_one_has_none():
    one, two = Series("first", [1.0], [1.0]), Series("<second>", [1.0], [2.0])
    assert "legend" not in line_chart("t", "x", [one])
    assert "&lt;second&gt;" in line_chart("t", "x", [one, two])


@pytest.mark.parametrize("top", [25.0, 1e7, 1e200])
def test_a_logarithmic_axis_of_any_length_has_a_few_round_ticks(top):
    chart = line_chart("evidence", "pairs", [Series("e", [0.0, 1.0], [0.5, top])], log=True)
    labels = re.findall(r'class="tick end"[^>]*>([^<]*)', chart)
    assert 4 <= len(labels) <= 14
    assert all(len(label) <= 5 and "e" not in label for label in labels), labels
    assert all(0 <= x <= 560 and 0 <= y <= 260 for x, y in points(chart))


def test_values_below_zero_lengthen_the_vertical_axis():
    chart = line_chart("Curve", "frame", [Series("a", [0.0, 1.0], [-2.0, 1.0])])
    ticks = re.findall(r'class="tick end"[^>]*>([^<]+)<', chart)
    assert ticks == ["-2", "-1", "0", "1"]
    heights = [float(point.split(",")[1]) for point in re.findall(r'points="([^"]+)"', chart)[0].split()]
    assert heights == [220.0, 14.0]
