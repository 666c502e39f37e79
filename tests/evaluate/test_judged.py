import hashlib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.envs import find_family
from praxia.evaluate.benchmarks import find_benchmark
from praxia.evaluate.judged import find_policy

BENCHMARK = find_benchmark("metaworld-demo/fast")
BODY = find_family(BENCHMARK.env).embodiment(BENCHMARK.spec(BENCHMARK.tasks[0]))


def test_the_expert_the_idle_and_the_random_policy_need_no_checkpoint():
    expert, expert_sha256, _ = find_policy("expert", BENCHMARK, exact=True)
    zero, zero_sha256, _ = find_policy("zero", BENCHMARK, exact=True)
    assert expert.privileged
    assert not zero.privileged
    chance, chance_sha256, _ = find_policy("random", BENCHMARK, exact=True)
    assert not chance.privileged
    assert chance.embodiment == zero.embodiment == BODY
    assert len({expert_sha256, zero_sha256, chance_sha256}) == 3
    assert find_policy("zero", BENCHMARK, exact=False)[1] == zero_sha256


def test_a_path_without_a_policy_says_what_writes_one(tmp_path: Path):
    with pytest.raises(PraxiaError, match="praxia train"):
        find_policy(str(tmp_path), BENCHMARK, exact=False)


@pytest.mark.parametrize(("exact", "workers", "threads"), [(True, 1, 1), (False, None, 1), (False, 10_000, 1)])
def test_a_learned_policy_leaves_the_cores_to_the_simulators(tmp_path: Path, exact: bool, workers: int, threads: int):
    digest = save_toy_policy(tmp_path)
    policy, found, used = find_policy(str(tmp_path), BENCHMARK, exact=exact, workers=workers)
    assert (found, used) == (digest, threads)
    assert policy.embodiment == BODY


def save_toy_policy(folder: Path, name: str = BODY.name) -> str:
    """A tiny policy that says it was trained on the benchmark's body under that name."""
    from praxia_testing import make_config, make_policy

    from praxia.checkpoint.store import save_policy

    config = make_config()
    window = replace(config.window, moments={"image.workspace": (0,), "state": (0,)})
    config = replace(config, embodiments=(replace(BODY, name=name),), window=window)
    return save_policy(folder / "policy", config, make_policy().model.state_dict())


def test_weights_of_another_body_are_used_on_purpose_only(tmp_path: Path):
    digest = save_toy_policy(tmp_path, "cousin")
    with pytest.raises(MismatchError, match=rf"'cousin'.*has '{BODY.name}'.*--as"):
        find_policy(str(tmp_path), BENCHMARK, exact=True)
    policy, found, _ = find_policy(str(tmp_path), BENCHMARK, exact=True, bind_as="cousin")
    assert found == digest
    assert policy.embodiment == BODY
    with pytest.raises(UnknownName, match="cousin"):
        find_policy(str(tmp_path), BENCHMARK, exact=True, bind_as="cuisine")


def test_a_policy_without_weights_cannot_be_bound():
    with pytest.raises(PraxiaError, match=r"--as expects .*'expert'"):
        find_policy("expert", BENCHMARK, exact=True, bind_as="sawyer")


def test_holding_still_is_another_policy_than_zeros_where_zeros_move():
    def said(benchmark: str) -> str:
        zeros = f"zero:{find_benchmark(benchmark).env}:{version('praxia')}"
        return "zeros" if find_policy("zero", find_benchmark(benchmark), exact=True)[1] == sha256(zeros) else "held"

    assert {name: said(name) for name in ("bimodal", "metaworld-demo/fast", "pusht")} == {
        "bimodal": "zeros",
        "metaworld-demo/fast": "zeros",
        "pusht": "held",
    }


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
