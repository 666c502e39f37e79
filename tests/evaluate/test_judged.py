from pathlib import Path

import pytest

from praxia.core.errors import PraxiaError
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.judged import find_policy

BENCHMARK = find_benchmark("metaworld-demo/fast")


def test_the_expert_and_the_idle_policy_need_no_checkpoint():
    expert, expert_sha256, _ = find_policy("expert", BENCHMARK, exact=True)
    zero, zero_sha256, _ = find_policy("zero", BENCHMARK, exact=True)
    assert expert.privileged
    assert not zero.privileged
    assert len({expert_sha256, zero_sha256}) == 2
    assert find_policy("zero", BENCHMARK, exact=False)[1] == zero_sha256


def test_a_path_without_a_policy_says_what_writes_one(tmp_path: Path):
    with pytest.raises(PraxiaError, match="praxia train"):
        find_policy(str(tmp_path), BENCHMARK, exact=False)


@pytest.mark.parametrize(("exact", "workers", "threads"), [(True, 1, 1), (False, None, 1), (False, 10_000, 1)])
def test_a_learned_policy_leaves_the_cores_to_the_simulators(tmp_path: Path, exact: bool, workers: int, threads: int):
    from praxia_testing import make_config, make_policy

    from praxia.checkpoint.store import save_policy

    digest = save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    policy, found, used = find_policy(str(tmp_path), BENCHMARK, exact=exact, workers=workers)
    assert (found, used) == (digest, threads)
    assert policy.embodiment is not None
