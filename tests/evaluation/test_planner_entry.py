"""Planners as files: what they say, what identifies them, and what is refused."""

import json
from dataclasses import replace

import pytest
import torch
from praxia_testing import make_config, make_policy
from world_testing import POINT, ToyWorld

from praxia import policies
from praxia.checkpoint.store import load_world, save_policy
from praxia.core.config import config_to_json
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.types import Query, Sampling
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.planner_entry import PlannerConfig, read_planner
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.policy_resolver import PlannerFile, resolve_policy
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.gradient import Gradient
from praxia.planning.objectives import GoalDistance, Reward

CONFIG = PlannerConfig("world", GoalDistance(goal={"state": "goal"}), CEM(samples=50), Blocks(count=3, steps=2))
BIMODAL = find_benchmark("bimodal")

# Where tests check the types of all arguments, that comes first.
BY_HOOK = "Type-check error"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(policies.MODELS, "toy-world", "world_testing:ToyWorld")
    save_world(tmp_path / "world", 0.1)
    return tmp_path


def save_world(path, speed):
    seen = replace(make_config().window, observation_steps={"state": (0,)})
    config = replace(make_config(), model=ToyWorld(), embodiments=(POINT,), window=seen)
    save_policy(path, config, {"speed": torch.tensor(speed)})


def written(folder, config=CONFIG, name="planner.json", **changes):
    path = folder / name
    path.write_text(json.dumps({**config_to_json(config), **changes}))
    return path


def entry(path, **options):
    return find_policy(str(path), BIMODAL, exact=True, **options)


def test_a_file_says_what_the_planner_is(folder):
    path = written(folder)
    assert resolve_policy(str(path)) == PlannerFile(path)
    assert read_planner(path) == replace(CONFIG, world=str(folder / "world"))
    found = entry(path)
    assert found.policy.solver == CONFIG.solver
    assert found.policy.window.horizon == 6
    assert not found.reveals
    assert found.evaluation(3).planner == {
        **config_to_json(CONFIG),
        "world": load_world(folder / "world")[1].policy_sha256,
    }
    short = {"type": "planner", "world": "simulator", "objective": {"type": "reward"}, "solver": {"type": "mppi"}}
    path.write_text(json.dumps(short))
    assert read_planner(path).blocks == Blocks()
    assert entry(path).reveals


def test_its_hash_is_of_all_that_can_change_an_action(folder, tmp_path):
    first = entry(written(folder)).policy_sha256
    others = [
        entry(written(folder, replace(CONFIG, solver=CEM(samples=51)))).policy_sha256,
        entry(written(folder, replace(CONFIG, blocks=Blocks(count=4, steps=2)))).policy_sha256,
        entry(written(folder, replace(CONFIG, objective=GoalDistance(goal={"state": "home"})))).policy_sha256,
        entry(written(folder, replace(CONFIG, world="simulator", objective=Reward()))).policy_sha256,
    ]
    save_world(folder / "faster", 0.2)
    others.append(entry(written(folder, replace(CONFIG, world="faster"))).policy_sha256)
    assert len({first, *others}) == 6
    save_world(folder / "copy", 0.1)
    again = entry(written(folder, replace(CONFIG, world="copy"), "other.json"))
    assert again.policy_sha256 == first, "the name of the folder counts"
    assert again.weights_sha256 is not None


def test_what_is_no_planner_is_one_line(folder):
    with pytest.raises(UnknownName, match="solver 'cen'; nearest: cem"):
        entry(written(folder, solver={"type": "cen"}))
    with pytest.raises(DataError, match=r"describes no planner .*unexpected keyword"):
        entry(written(folder, horizon=3))
    for changes, line in [
        ({"world": 3}, "expected world to be a folder, got 3"),
        ({"solver": {"type": "goal-path"}}, "expected solver to be a solver, got type 'goal-path'"),
        ({"solver": {"type": ["cem"]}}, "unhashable"),
        ({"objective": {"type": "cem"}}, "expected objective to be an objective, got type 'cem'"),
        ({"objective": {"type": "reward", "goal": "x"}}, "no attribute 'items'"),
        ({"objective": {"type": "reward", "goal": {"state": 3}}}, "expected names in goal, got 3"),
        ({"blocks": {"type": "reward"}}, "expected blocks to be blocks, got type 'reward'"),
        ({"blocks": {"type": "blocks", "repeat": "no"}}, "expected repeat to be true or false, got 'no'"),
        ({"solver": {"type": "cem", "std": "x"}}, "not supported between"),
    ]:
        with pytest.raises(DataError, match=rf"describes no planner (?s:.)*({line}|{BY_HOOK})"):
            entry(written(folder, **changes))
    (folder / "cem.json").write_text(json.dumps({"type": "cem"}))
    with pytest.raises(DataError, match="expected type 'planner', got 'cem'"):
        read_planner(folder / "cem.json")
    for solver, line in [
        ({"samples": 8.5}, "expected samples to be a whole number, got 8.5"),
        ({"elites": True}, "expected elites to be a whole number, got True"),
        ({"returns": "worst"}, "expected returns to be 'mean' or 'best', got 'worst'"),
    ]:
        with pytest.raises(PraxiaError, match=f"{line}|{BY_HOOK}"):
            entry(written(folder, solver={"type": "cem", **solver}))
    with pytest.raises(PraxiaError, match=f"expected count to be a whole number|{BY_HOOK}"):
        entry(written(folder, blocks={"type": "blocks", "count": 2.5}))
    with pytest.raises(PraxiaError, match="no policy"):
        entry(written(folder, world="elsewhere"))
    save_policy(folder / "policy", make_config(), make_policy().model.state_dict())
    with pytest.raises(PraxiaError, match="expected a world at"):
        entry(written(folder, world="policy"))
    with pytest.raises(MismatchError, match="multiple of 2 control steps"):
        entry(written(folder, replace(CONFIG, blocks=Blocks(count=2, steps=3))))
    with pytest.raises(MismatchError, match="'gradient' needs a differentiable world, which no simulator is"):
        entry(written(folder, replace(CONFIG, world="simulator", objective=Reward(), solver=Gradient())))
    with pytest.raises(PraxiaError, match="--as expects"):
        entry(written(folder), bind_as="point")
    with pytest.raises(PraxiaError, match="--steps expects"):
        entry(written(folder), sampling=Sampling(steps=3))


def test_a_simulator_has_all_tasks_of_the_benchmark(folder):
    short = CEM(samples=20, iterations=1, elites=4)
    path = written(folder, replace(CONFIG, world="simulator", objective=Reward(), solver=short))
    benchmark = find_benchmark("tworoom")
    found = find_policy(str(path), benchmark, exact=True)
    env = found.family.build(benchmark.spec("through-door"))
    env.reset(found.family.draw_start("through-door", "test", 0))
    query = Query((env.observe(()),), "episode", 0, 0, env.privileged())
    (decision,), _ = found.policy.act([query], found.policy.start(1))
    assert decision.chunk.shape == (6, 2)
    one = find_policy(str(path), benchmark.of_tasks(["same-room"]), exact=True)
    assert one.policy_sha256 != found.policy_sha256
