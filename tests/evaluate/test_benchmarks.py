import json
from dataclasses import replace
from typing import Any

import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS, MT10_V3

from praxia.core.errors import UnknownName
from praxia.evaluate.benchmarks import benchmark_names, find_benchmark


def test_every_name_finds_a_benchmark_of_that_name():
    for name in benchmark_names():
        assert find_benchmark(name).name == name


@pytest.mark.parametrize(
    ("name", "official"), [("metaworld-mt10/fast", MT10_V3), ("metaworld-mt50/fast", ALL_V3_ENVIRONMENTS)]
)
def test_the_tasks_are_meta_worlds_own(name: str, official: dict[str, object]):
    assert sorted(find_benchmark(name).tasks) == sorted(task.removesuffix("-v3") for task in official)


def test_its_json_says_what_is_new_in_which_tasks():
    groups = {"verbs": ("push", "reach"), "phrasings": ("door-open",)}
    benchmark = replace(find_benchmark("metaworld-mt10/fast"), axis="task", groups=groups)
    value = benchmark.to_json()
    assert value == json.loads(json.dumps(value)), "resumed evaluations compare it with what was written"
    assert value["axis"] == "task"
    assert value["groups"] == {"verbs": ["push", "reach"], "phrasings": ["door-open"]}
    assert find_benchmark("metaworld-mt10/fast").to_json()["groups"] == {}


@pytest.mark.parametrize(
    "groups", [{"verbs": ("push", "stack")}, {"verbs": ("push",), "phrasings": ("reach", "push")}, {"a": ("push",) * 2}]
)
def test_a_group_is_of_its_own_tasks_and_no_task_is_in_two(groups: dict[str, Any]):
    with pytest.raises(AssertionError, match=r"push|stack"):
        replace(find_benchmark("metaworld-mt10/fast"), groups=groups)


def test_an_unknown_benchmark_says_where_to_look():
    with pytest.raises(UnknownName, match=r"metaworld-mt10/fast.*praxia info --benchmarks"):
        find_benchmark("metaworld-mt10")
