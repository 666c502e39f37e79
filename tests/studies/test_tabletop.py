"""The studies of Tabletop, end to end at a small scale."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.gl, pytest.mark.timeout(280)]


def study(name: str, out, scale: float) -> dict:
    command = [
        sys.executable,
        "-m",
        "praxia",
        "study",
        name,
        "--out",
        str(out),
        "--scale",
        str(scale),
        "--workers",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == f"REPORT {out / 'report.html'}"
    return json.loads((out / "summary.json").read_text())


def test_the_axes_are_measured_and_shown(tmp_path):
    summary = study("tabletop", tmp_path / "axes", 0.001)
    assert set(summary["train"]) == {"touch", "push", "press", "pick", "place"}
    assert set(summary["task"]) == {"combinations", "phrasings", "references", "relations", "verbs"}
    assert set(summary["scene"]) == {"colours", "textures", "lights", "cameras", "heights", "distractors"}
    assert summary["expert"]["train"] >= 0.8
    page = (tmp_path / "axes" / "report.html").read_text()
    assert "Generalisation" in page
    for words in ("phrasings", "distractors", "other-instruction", "language-free", "after-five-minutes"):
        assert words in page, words


def test_every_expert_is_measured_with_every_body(tmp_path):
    summary = study("tabletop-expert", tmp_path / "experts", 0.01)
    assert len(summary["per_body"]) == 5
    assert all(len(tasks) == 11 for tasks in summary["per_body"].values())
    assert summary["pooled"] >= 0.9
