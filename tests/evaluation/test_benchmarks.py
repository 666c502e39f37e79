import json
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS, MT10_V3

from praxia.core.errors import PraxiaError, UnknownName
from praxia.evaluation.benchmarks import benchmark_names, find_benchmark


def test_every_name_finds_a_benchmark_of_that_name():
    for name in benchmark_names():
        assert find_benchmark(name).name == name


@pytest.mark.parametrize("kind", ["fast", "lerobot", "evo1", "starvla"])
@pytest.mark.parametrize(("name", "official"), [("mt10", MT10_V3), ("mt50", ALL_V3_ENVIRONMENTS)])
def test_the_tasks_are_meta_worlds_own(name: str, official: dict[str, object], kind: str):
    tasks = find_benchmark(f"metaworld-{name}/{kind}").tasks
    assert sorted(tasks) == sorted(task.removesuffix("-v3") for task in official)


@pytest.mark.parametrize("kind", ["fast", "lerobot", "evo1", "starvla"])
def test_the_fifty_tasks_are_grouped_as_the_field_groups_them(kind: str):
    benchmark = find_benchmark(f"metaworld-mt50/{kind}")
    sizes = {name: len(tasks) for name, tasks in benchmark.groups.items()}
    assert sizes == {"easy": 28, "medium": 11, "hard": 6, "very hard": 5}
    assert sorted(task for tasks in benchmark.groups.values() for task in tasks) == sorted(benchmark.tasks)
    assert benchmark.averages_groups
    for name, task in {"easy": "reach", "medium": "soccer", "hard": "push", "very hard": "shelf-place"}.items():
        assert task in benchmark.groups[name]
    ten = find_benchmark(f"metaworld-mt10/{kind}")
    assert ten.groups["medium"] == ("peg-insert-side",)
    assert set(ten.groups["hard"]) == {"push", "pick-place"}
    assert "very hard" not in ten.groups


def test_what_public_benchmarks_fix_fits_what_their_environments_show():
    for name in ("lerobot", "evo1", "starvla"):
        setup = import_module(f"praxia.envs.metaworld.{name}").SETUP
        for benchmark in (find_benchmark(f"metaworld-mt50/{name}"), find_benchmark(f"metaworld-mt10/{name}")):
            assert benchmark.env == setup.name
            assert benchmark.cameras == tuple(setup.cameras)
            assert (benchmark.size, benchmark.profile) == (setup.size, setup.profile)
            measured = all(field.name in ("hand", "gripper") for field in setup.state)
            assert benchmark.privileged_state is not measured


def test_groups_are_averaged_where_there_are_groups():
    averaged = [find_benchmark(name) for name in benchmark_names() if find_benchmark(name).averages_groups]
    assert {benchmark.name.split("/")[0] for benchmark in averaged} == {"metaworld-mt10", "metaworld-mt50"}
    for benchmark in averaged:
        assert sorted(task for group in benchmark.groups.values() for task in group) == sorted(benchmark.tasks)


def test_its_json_has_its_axis_and_groups():
    groups = {"verbs": ("push", "reach"), "phrasings": ("door-open",)}
    benchmark = replace(find_benchmark("metaworld-mt10/fast"), axis="task", groups=groups)
    value = benchmark.to_json()
    assert value == json.loads(json.dumps(value)), "resumed evaluations compare it with what was written"
    assert value["axis"] == "task"
    assert value["groups"] == {"verbs": ["push", "reach"], "phrasings": ["door-open"]}
    assert find_benchmark("metaworld-demo/fast").to_json()["groups"] == {}


@pytest.mark.parametrize(
    "groups", [{"verbs": ("push", "stack")}, {"verbs": ("push",), "phrasings": ("reach", "push")}, {"a": ("push",) * 2}]
)
def test_a_group_is_of_its_own_tasks_and_no_task_is_in_two(groups: dict[str, Any]):
    with pytest.raises(AssertionError, match=r"push|stack"):
        replace(find_benchmark("metaworld-mt10/fast"), groups=groups)


def test_an_unknown_benchmark_is_refused_with_the_listing_command():
    with pytest.raises(UnknownName, match=r"metaworld-mt10/.*praxia info --benchmarks"):
        find_benchmark("metaworld-mt10")


def test_some_tasks_are_a_benchmark_of_their_own():
    whole = find_benchmark("metaworld-mt10/fast")
    some = whole.of_tasks(["peg-insert-side", "door-open"])
    assert some.name == "metaworld-mt10/fast[door-open,peg-insert-side]"
    assert some.tasks == ("door-open", "peg-insert-side")
    assert {task for tasks in some.groups.values() for task in tasks} == set(some.tasks)
    assert all(some.groups.values())
    assert not some.averages_groups, "the published number is of all tasks"
    same = {
        **some.to_json(),
        **{name: whole.to_json()[name] for name in ("name", "tasks", "groups", "averages_groups")},
    }
    assert same == whole.to_json()
    assert whole.of_tasks(list(reversed(whole.tasks))) == whole


def test_an_unknown_task_names_the_nearest_and_the_list():
    benchmark = find_benchmark("metaworld-mt10/fast")
    expected = r"unknown task of metaworld-mt10/fast 'door-opn'; nearest: door-open.* List all 10: praxia info --tasks"
    with pytest.raises(UnknownName, match=expected):
        benchmark.of_tasks(["door-opn"])
    with pytest.raises(PraxiaError, match=r"expected --tasks NAME\[,NAME...\] of metaworld-mt10/fast, got none"):
        benchmark.of_tasks([])


def test_a_benchmark_from_other_starts_is_named_so_and_is_another():
    plain, fresh = find_benchmark("tworoom"), find_benchmark("tworoom/starts-fresh-0")
    assert (fresh.name, fresh.split) == ("tworoom/starts-fresh-0", "fresh-0")
    assert fresh == replace(plain, name=fresh.name, summary=fresh.summary, split="fresh-0")
    delayed = find_benchmark("tworoom/starts-fresh-0/delay-2")
    assert (delayed.split, delayed.execution.delay, delayed.untimed) == ("fresh-0", 2, fresh)
    with pytest.raises(UnknownName, match="nearest: tworoom"):
        find_benchmark("tworom/starts-fresh-0")
