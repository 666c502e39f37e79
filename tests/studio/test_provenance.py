from pathlib import Path

from praxia.studio.provenance import dataset_section
from praxia.studio.sources import DatasetSummary


def section(successes, unknown):
    tasks = {"push": {"episodes": 4, "frames": 40, "instructions": ["push it"]}}
    counted = {"successes": successes, "unknown_outcomes": unknown}
    about = {"episodes": 4, "frames": 40, "fps": 10, "embodiment": "arm", "cameras": {}, "bytes": 0, "verified": False}
    tasks["push"] |= counted
    return dataset_section(DatasetSummary(Path("demos"), {**about, **counted, "tasks": tasks}, None))


def test_unknown_outcomes_have_neither_rate_nor_interval(document):
    html = section(None, 4)
    assert "4 episodes (outcomes unknown)" in html
    row = document(html).row("push")
    assert row[3:] == ["unknown", "", "", "4"]
    assert "svg" not in html


def test_the_rate_is_over_known_outcomes(document):
    html = section(1, 2)
    assert "4 episodes (1 successful, 2 unknown)" in html
    assert document(html).row("push")[3] == "50.0%"
