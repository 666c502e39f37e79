"""From demonstrations to a page, at a small scale, through the command line."""

import json
import subprocess
import sys

import pytest


@pytest.mark.gl
@pytest.mark.slow
def test_the_demo_runs_end_to_end(tmp_path):
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "praxia", "study", "demo", "--out", str(out), "--scale", "0.02", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == f"REPORT {out / 'report.html'}"
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary) == {"seconds", "success", "per_task", "swapped_image", "blind"}
    assert len(summary["per_task"]) >= 8
    page = (out / "report.html").read_text()
    assert all(task in page for task in summary["per_task"])
    assert "data:video/mp4;base64," in page
    expert = [json.loads(line) for line in (out / "expert.jsonl").read_text().splitlines()]
    assert sum(row["status"] == "success" for row in expert) >= 0.75 * len(expert)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "finished study" in again.stderr
