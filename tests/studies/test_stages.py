import json
from dataclasses import replace

import pytest
from praxia_testing import make_config, make_policy

from praxia.checkpoint.migration import RUN_SCHEMA
from praxia.checkpoint.store import read_config, save_policy
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.recipes.bimodal import flow_bimodal
from praxia.studies.stages import Stages


def stages(out, seed=0, scale=0.01):
    return Stages(out, seed, 1, scale, lambda *arguments: None)


@pytest.fixture
def trained(tmp_path):
    """The folder of a stage that has ended; what its training left is written by hand."""
    run = flow_bimodal()
    run = replace(run, train=replace(run.train, steps=round(0.01 * run.train.steps), seed=0))
    (tmp_path / "flow" / "policy").mkdir(parents=True)
    config, command = config_to_json(run), "praxia train flow-bimodal"
    value = {"schema": RUN_SCHEMA, "config": config, "data": [], "start_from": None, "command": command}
    (tmp_path / "flow" / "run.json").write_text(json.dumps(value))
    return tmp_path


def test_a_stage_that_has_ended_is_not_run_again(trained):
    stages(trained).train("flow", "flow-bimodal", flow_bimodal(), [])
    assert sorted(path.name for path in (trained / "flow").iterdir()) == ["policy", "run.json"]


@pytest.mark.parametrize("other", [{"seed": 1}, {"scale": 0.02}])
def test_a_policy_of_another_seed_or_scale_is_not_taken_for_this_one(trained, other):
    with pytest.raises(PraxiaError, match=r"flow was trained with another config .*--scale and --seed"):
        stages(trained, **other).train("flow", "flow-bimodal", flow_bimodal(), [])


def test_nor_is_one_that_began_with_another_policy(trained):
    save_policy(trained / "first" / "policy", make_config(), make_policy().model.state_dict())
    with pytest.raises(PraxiaError, match="another start_from"):
        stages(trained).train("flow", "flow-bimodal", flow_bimodal(), [], start_from="first")
    path = trained / "flow" / "run.json"
    identity = read_config(trained / "first")[1].to_json()
    by_weights = {"weights_sha256": identity["weights_sha256"]}  # as runs of earlier versions are read
    for start_from in (identity, by_weights):
        path.write_text(json.dumps({**json.loads(path.read_text()), "start_from": {"path": "first", **start_from}}))
        stages(trained).train("flow", "flow-bimodal", flow_bimodal(), [], start_from="first")
    path.write_text(json.dumps({**json.loads(path.read_text()), "start_from": {"weights_sha256": "beef"}}))
    with pytest.raises(PraxiaError, match="another start_from"):
        stages(trained).train("flow", "flow-bimodal", flow_bimodal(), [], start_from="first")
