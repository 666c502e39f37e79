from pathlib import Path

from praxia.studio.recorded import dataset_section
from praxia.studio.sources import Recorded


def section(successes, unknown):
    tasks = {"push": {"episodes": 4, "frames": 40, "instructions": ["push it"]}}
    counted = {"successes": successes, "unknown_outcomes": unknown}
    about = {"episodes": 4, "frames": 40, "fps": 10, "embodiment": "arm", "cameras": {}, "bytes": 0, "verified": False}
    tasks["push"] |= counted
    return dataset_section(Recorded(Path("demos"), {**about, **counted, "tasks": tasks}, None))


def test_success_that_nobody_recorded_has_neither_rate_nor_interval(document):
    html = section(None, 4)
    assert "4 episodes (whether they succeeded is unknown)" in html
    row = document(html).row("push")
    assert row[3:] == ["unknown", "", "", "4"]
    assert "svg" not in html


def test_a_rate_is_over_the_episodes_that_are_known(document):
    html = section(1, 2)
    assert "4 episodes (1 successful, 2 unknown)" in html
    assert document(html).row("push")[3] == "50.0%"
