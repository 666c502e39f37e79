import sys
from dataclasses import replace
from pathlib import Path

import pytest

from praxia.checkpoint.identity import PolicyIdentity
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import Sampling
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.experts import EXPERTS

BENCHMARK = find_benchmark("metaworld-demo/fast")
EMBODIMENT = find_family(BENCHMARK.env).embodiment(BENCHMARK.spec(BENCHMARK.tasks[0]))


def test_the_expert_the_idle_and_the_random_policy_need_no_checkpoint():
    expert, zero, chance = (find_policy(name, BENCHMARK, exact=True) for name in ("expert", "zero", "random"))
    assert expert.policy.privileged
    assert not zero.policy.privileged
    assert not chance.policy.privileged
    assert chance.policy.embodiment == zero.policy.embodiment == EMBODIMENT
    assert len({one.policy_sha256 for one in (expert, zero, chance)}) == 3
    assert {one.weights_sha256 for one in (expert, zero, chance)} == {None}
    assert find_policy("zero", BENCHMARK, exact=False).policy_sha256 == zero.policy_sha256


STRANGE = """
class Expert:
    window, privileged, embodiment = None, True, None

    def __init__(self, instructions): ...
    def start(self, num_rows): ...
    def act(self, queries, carry): ...

"""


def test_an_expert_of_another_package_is_known_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(EXPERTS, BENCHMARK.env, "strange_expert:Expert")
    known = {find_policy("zero", BENCHMARK, exact=True).policy_sha256}
    for steps in (1, 2):
        (tmp_path / "strange_expert.py").write_text(f"{STRANGE}    steps = {steps}\n")
        monkeypatch.delitem(sys.modules, "strange_expert", raising=False)
        known.add(find_policy("expert", BENCHMARK, exact=True).policy_sha256)
    assert len(known) == 3


def test_a_path_without_a_policy_is_refused_with_the_command_that_writes_one(tmp_path: Path):
    with pytest.raises(PraxiaError, match="praxia train"):
        find_policy(str(tmp_path), BENCHMARK, exact=False)


@pytest.mark.parametrize(("exact", "workers", "threads"), [(True, 1, 1), (False, None, 1), (False, 10_000, 1)])
def test_a_learned_policy_leaves_the_cores_to_the_simulators(tmp_path: Path, exact: bool, workers: int, threads: int):
    identity = save_toy_policy(tmp_path)
    found = find_policy(str(tmp_path), BENCHMARK, exact=exact, workers=workers)
    assert (found.policy_sha256, found.weights_sha256) == (identity.policy_sha256, identity.weights_sha256)
    assert found.threads == threads
    assert found.policy.embodiment == EMBODIMENT


def save_toy_policy(folder: Path, name: str = EMBODIMENT.name) -> PolicyIdentity:
    """A tiny policy with the benchmark's embodiment under that name."""
    from praxia_testing import make_config, make_policy

    from praxia.checkpoint.store import save_policy

    config = make_config()
    window = replace(config.window, observation_steps={"image.workspace": (0,), "state": (0,)})
    config = replace(config, embodiments=(replace(EMBODIMENT, name=name),), window=window)
    return save_policy(folder / "policy", config, make_policy().model.state_dict())


def test_weights_of_another_embodiment_are_used_on_purpose_only(tmp_path: Path):
    identity = save_toy_policy(tmp_path, "cousin")
    with pytest.raises(MismatchError, match=rf"'cousin'.*has '{EMBODIMENT.name}'.*--as"):
        find_policy(str(tmp_path), BENCHMARK, exact=True)
    found = find_policy(str(tmp_path), BENCHMARK, exact=True, bind_as="cousin")
    assert (found.policy_sha256, found.bind_as) == (identity.policy_sha256, "cousin")
    assert found.policy.embodiment == EMBODIMENT
    with pytest.raises(UnknownName, match="cousin"):
        find_policy(str(tmp_path), BENCHMARK, exact=True, bind_as="cuisine")


def test_a_policy_bound_by_its_own_name_is_not_bound_on_purpose(tmp_path: Path):
    save_toy_policy(tmp_path)
    found = find_policy(str(tmp_path), BENCHMARK, exact=True, bind_as=EMBODIMENT.name)
    assert found.evaluation(3) == find_policy(str(tmp_path), BENCHMARK, exact=True).evaluation(3)


def test_sampling_options_are_part_of_the_identity(tmp_path: Path):
    identity = save_toy_policy(tmp_path)
    few, own = (find_policy(str(tmp_path), BENCHMARK, exact=True, sampling=Sampling(steps=n)) for n in (3, 10))
    assert own.policy_sha256 == identity.policy_sha256 != few.policy_sha256
    assert few.weights_sha256 == identity.weights_sha256
    assert (own.evaluation(1).sampling, few.evaluation(1).sampling) == (Sampling(), Sampling(steps=3))
    with pytest.raises(PraxiaError, match=r"--temperature, got head 'flow', which has --steps"):
        find_policy(str(tmp_path), BENCHMARK, exact=True, sampling=Sampling(temperature=1.0))


@pytest.mark.parametrize("name", ["expert", "zero", "random"])
def test_a_policy_without_weights_cannot_be_sampled(name: str):
    with pytest.raises(PraxiaError, match=rf"--steps expects .*'{name}'"):
        find_policy(name, BENCHMARK, exact=True, sampling=Sampling(steps=3))


def test_a_policy_without_weights_cannot_be_bound():
    with pytest.raises(PraxiaError, match=r"--as expects .*'expert'"):
        find_policy("expert", BENCHMARK, exact=True, bind_as="sawyer")
