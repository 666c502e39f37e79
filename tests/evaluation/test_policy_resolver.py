import sys
from pathlib import Path
from typing import Any

import pytest

from praxia.core.errors import PraxiaError, UnknownName
from praxia.envs import find_family
from praxia.evaluation import policy_resolver
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.policy_factory import PolicyFactory
from praxia.evaluation.policy_resolver import PolicyFolder, ScriptedPolicy, resolve_policy


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module that cannot be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    (tmp_path / "mine.py").write_text("raise RuntimeError")
    return tmp_path


@pytest.mark.parametrize("name", ["runs/mine", "./mine:make", "/nowhere/run"])
def test_what_can_only_be_a_path_is_one_and_imports_nothing(here: Path, name: str):
    assert resolve_policy(name) == PolicyFolder(Path(name))
    assert str(here) not in sys.path


@pytest.mark.parametrize("name", ["mine", "zeroo", "mine:", ":make", "C:\\runs", "a b:c"])
def test_a_name_that_nothing_knows_is_refused_with_the_nearest(here: Path, name: str):
    with pytest.raises(UnknownName, match=r"unknown folder or name of a policy .*nearest: .*praxia info --policies"):
        resolve_policy(name)
    assert str(here) not in sys.path


def test_an_existing_folder_and_a_policy_without_weights(here: Path):
    (here / "run").mkdir()
    assert resolve_policy("run") == PolicyFolder(Path("run"))
    assert resolve_policy("zero") == ScriptedPolicy("zero")


def test_a_checkpoint_is_one_whatever_its_name(here: Path):
    (here / "mine:make").mkdir()
    (here / "mine:make" / "policy.json").write_text("{}")
    assert resolve_policy("mine:make") == PolicyFolder(Path("mine:make"))


def test_an_address_of_no_known_scheme_names_all_that_were_tried():
    with pytest.raises(
        PraxiaError, match=r"expected a policy as expert, zero, random; the folder .*; got 'planner://here'"
    ):
        resolve_policy("planner://here")


def still(embodiment: Any) -> Any:
    return lambda observation: [0.0] * embodiment.action_dim


def test_a_new_scheme_is_one_entry(monkeypatch: pytest.MonkeyPatch):
    def served(name: str) -> PolicyFactory | None:
        return PolicyFactory(name, still) if name.startswith("planner://") else None

    monkeypatch.setitem(policy_resolver.SCHEMES, "planner://host", served)
    benchmark = find_benchmark("metaworld-demo/fast")
    entry = find_policy("planner://here", benchmark, exact=True)
    assert entry.claim is not None
    assert entry.claim["factory"] == "planner://here"
    embodiment = find_family(benchmark.env).embodiment(benchmark.spec(benchmark.tasks[0]))
    assert entry.policy.embodiment is not None
    assert entry.policy.embodiment.action == embodiment.action
