"""Which episode belongs to which answer of a worker, where the worker dies."""

from collections.abc import Iterator
from typing import Any

import pytest

from praxia.collect import workers
from praxia.collect.plan import CollectionPlan
from praxia.core.workers import Death
from praxia.envs import find_family

DIED = Death("killed by SIGKILL")


class Scripted:
    """Workers that answer what a script says, and write down what they are asked."""

    def __init__(self, script: list[list[tuple[int, Any]]], num_workers: int):
        self._answers, self._size = iter(script), num_workers
        self.requests: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self._size

    def request(self, number: int, index: int) -> bool:
        self.requests.append((number, index))
        return True

    def answers(self) -> list[tuple[int, Any]]:
        return next(self._answers)


def make_expert(instructions: Any) -> Iterator[None]:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("script", "num_workers", "requests", "crashes"),
    [
        ([[(0, True)], [(0, True)], [(0, False)]], 1, [0, 1, 2], []),
        ([[(0, True), (0, DIED)], [(0, True)], [(0, False)]], 1, [0, 1, 2], []),
        ([[(0, DIED)], [(0, True)], [(0, True)], [(0, False)]], 1, [0, 0, 1, 2], [0]),
        ([[(0, DIED), (1, True), (1, DIED)], [(0, True), (1, False)]], 2, [0, 1, 0, 2], [0]),
    ],
    ids=["nobody dies", "after an answer", "before an answer", "both"],
)
def test_a_death_counts_against_the_episode_that_was_under_way(
    monkeypatch, tmp_path, script, num_workers, requests, crashes
):
    scripted = Scripted(script, num_workers)
    monkeypatch.setattr(workers, "Workers", lambda *arguments: scripted)
    plan = CollectionPlan("bimodal", ("left-or-right",), episodes=3, horizon=9, seed=0)
    recorder = workers.RecordingWorkers(num_workers, tmp_path, plan, find_family("bimodal"), make_expert)
    counted: list[int] = []
    monkeypatch.setattr(recorder.crashes, "add", lambda index, reason: counted.append(index))
    assert dict(recorder.run([0, 1, 2])) == {0: True, 1: True, 2: False}
    assert [index for _, index in scripted.requests] == requests
    assert counted == crashes
