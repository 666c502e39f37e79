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


def test_an_unknown_benchmark_says_where_to_look():
    with pytest.raises(UnknownName, match=r"metaworld-mt10/fast.*praxia info --benchmarks"):
        find_benchmark("metaworld-mt10")
