from dataclasses import replace

import pytest

from praxia.collect.plan import CollectionPlan
from praxia.core.types import ChunkExecution
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.plan import Evaluation, plan

BENCHMARK = replace(find_benchmark("metaworld-demo/fast"), tasks=("door-open", "button-press-topdown"))


@pytest.fixture(scope="module")
def jobs():
    return plan(Evaluation(BENCHMARK, "", episodes=10), find_family("metaworld"))


def test_no_start_of_a_benchmark_is_among_those_that_were_shown(jobs):
    family = find_family("metaworld")
    evaluated = {tuple(job.start.payload["rand_vec"]) for job in jobs}
    assert len(evaluated) == 20
    for seed in (0, 1):
        collection = CollectionPlan("metaworld", BENCHMARK.tasks, episodes=20, horizon=9, seed=seed)
        # By task, so that each simulator is built once.
        order = sorted(range(len(collection)), key=lambda index: index % 2)
        shown = {tuple(collection.job(index, family).start.payload["rand_vec"]) for index in order}
        assert len(shown) == 40
        assert not evaluated & shown


def test_the_same_evaluation_is_the_same_jobs_and_the_seed_enters_the_noise_alone(jobs):
    again = plan(Evaluation(BENCHMARK, "", episodes=10), find_family("metaworld"))
    other = plan(Evaluation(BENCHMARK, "", episodes=10, seed=1), find_family("metaworld"))
    assert again == jobs
    assert [job.start for job in other] == [job.start for job in jobs]
    assert not {job.key for job in other} & {job.key for job in jobs}


def test_fewer_episodes_are_the_first_ones_of_more(jobs):
    fewer = plan(Evaluation(BENCHMARK, "", episodes=3), find_family("metaworld"))
    assert [job.start for job in fewer] == [job.start for job in (*jobs[:3], *jobs[10:13])]


def test_repeats_begin_from_the_same_start_with_other_noise_and_the_first_is_as_without(jobs):
    family = find_family("metaworld")
    thrice = plan(Evaluation(BENCHMARK, "", episodes=2, repeats=3), family)
    assert [job.repeat for job in thrice] == [0, 1, 2] * 4
    once = plan(Evaluation(BENCHMARK, "", episodes=2), family)
    assert [(job.start, job.key) for job in thrice[::3]] == [(job.start, job.key) for job in once]
    assert all(len({job.start.key for job in thrice[at : at + 3]}) == 1 for at in range(0, 12, 3))
    assert len({job.key for job in thrice}) == 12


def test_ensembling_does_not_drop_a_delay():
    delayed = replace(BENCHMARK, execution=ChunkExecution(4, delay=2))
    assert Evaluation(delayed, "", episodes=1).execution.delay == 2
    assert Evaluation(delayed, "", episodes=1, ensemble=0.1).execution == ChunkExecution(1, 0.1, delay=2)
    assert Evaluation(BENCHMARK, "", episodes=1, ensemble=0.1).execution == ChunkExecution(1, 0.1)
