"""Studies end to end at a small scale."""

import json
from dataclasses import replace

import pytest
from data_fixtures import *  # noqa: F403 - the fixtures

from praxia.cli.main import main
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.studies import mt50, stages
from praxia.studio import report, videos


def with_small_groups(name: str) -> Benchmark:
    """The benchmark with one task in each of its groups, where it has groups."""
    benchmark = find_benchmark(name)
    groups = {group: tasks[:1] for group, tasks in benchmark.groups.items()}
    return replace(benchmark, tasks=sum(groups.values(), ()) or benchmark.tasks, groups=groups)


@pytest.fixture
def study(tmp_path, monkeypatch, capsys):
    """Runs a study by its command and returns its summary and its page."""
    # Videos of every task would take two thirds of the time, and the tasks of groups a part of the rest.
    select_episodes = videos.select_episodes
    for module in (stages, mt50):
        monkeypatch.setattr(module, "find_benchmark", with_small_groups)
    monkeypatch.setattr(videos, "select_episodes", lambda rows: select_episodes(rows)[:1])
    monkeypatch.setattr(report, "analyse_failures", lambda comparison, runner: [])

    def run(name: str, scale: float) -> tuple[dict, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["study", name, "--out", str(tmp_path), "--scale", str(scale), "--workers", "1"])
        assert stopped.value.code == 0
        assert capsys.readouterr().out.strip().splitlines()[-1] == f"REPORT {tmp_path / 'report.html'}"
        return json.loads((tmp_path / "summary.json").read_text()), (tmp_path / "report.html").read_text()

    return run
