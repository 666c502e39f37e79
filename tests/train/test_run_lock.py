import dataclasses
import json

import pytest
from praxia_testing import as_before

from praxia.checkpoint.migration import RUN_SCHEMA
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.core.types import Window
from praxia.train.run_lock import write_run

NOW = {"image.front": (0,), "image.wrist": (0,), "state": (0,)}
TURNED = {"image.wrist": (0,), "image.front": (0,), "state": (0,)}


def described(run, observation_steps=NOW, **changes):
    """The description that the engine gives of a run with that window."""
    config = config_to_json(dataclasses.replace(run, window=Window(observation_steps, 4)))
    about = {"config": config, "command": "praxia train tiny", "data": [], "mixture": None, "vqa": None}
    return {"schema": RUN_SCHEMA, **about, "seed": 0, "start_from": None, "coverage": {}, **changes}


def test_a_run_with_another_order_of_cameras_is_not_resumed(tiny_run, tmp_path):
    write_run(tmp_path, described(tiny_run), resume=False)
    write_run(tmp_path, described(tiny_run), resume=True)
    with pytest.raises(PraxiaError, match="another config"):
        write_run(tmp_path, described(tiny_run, TURNED), resume=True)


def test_a_run_from_before_cameras_were_listed_is_resumed(tiny_run, tmp_path):
    old = as_before(described(tiny_run))
    del old["config"]["window"]["cameras"]
    (tmp_path / "run.json").write_text(json.dumps(old))
    write_run(tmp_path, described(tiny_run), resume=True)
    with pytest.raises(PraxiaError, match="another config"):
        write_run(tmp_path, described(tiny_run, TURNED), resume=True)


def test_the_initial_policy_is_known_by_more_than_its_weights(tiny_run, tmp_path):
    known = {"path": "first", "weights_sha256": "aa", "policy_sha256": "bb"}
    write_run(tmp_path, described(tiny_run, start_from=known), resume=False)
    write_run(tmp_path, described(tiny_run, start_from={**known, "path": "moved"}), resume=True)
    for other in (None, {**known, "policy_sha256": "cc"}, {**known, "weights_sha256": "dd", "policy_sha256": "ee"}):
        with pytest.raises(PraxiaError, match="another start_from"):
            write_run(tmp_path, described(tiny_run, start_from=other), resume=True)


def test_a_run_from_before_identities_knows_the_weights_of_its_initial_policy(tiny_run, tmp_path):
    old = as_before(described(tiny_run, start_from={"path": "first", "weights_sha256": "aa"}))
    (tmp_path / "run.json").write_text(json.dumps(old))
    now = {"path": "first", "weights_sha256": "aa", "policy_sha256": "bb"}
    write_run(tmp_path, described(tiny_run, start_from=now), resume=True)
    with pytest.raises(PraxiaError, match="another start_from"):
        write_run(tmp_path, described(tiny_run, start_from={**now, "weights_sha256": "cc"}), resume=True)


def test_a_run_without_an_initial_policy_does_not_get_one(tiny_run, tmp_path):
    write_run(tmp_path, described(tiny_run), resume=False)
    now = {"path": "first", "weights_sha256": "aa", "policy_sha256": "bb"}
    with pytest.raises(PraxiaError, match="another start_from"):
        write_run(tmp_path, described(tiny_run, start_from=now), resume=True)


def test_a_run_from_before_fitted_statistics_continues_with_other_normalisers_and_a_warning(tiny_run, tmp_path, caplog):
    old = as_before(described(tiny_run))
    del old["coverage"]
    (tmp_path / "run.json").write_text(json.dumps(old))
    write_run(tmp_path, described(tiny_run), resume=True)
    assert "earlier version, which took its normalisers from meta/stats.json" in caplog.text
    (tmp_path / "run.json").unlink()
    caplog.clear()
    write_run(tmp_path, described(tiny_run), resume=False)
    write_run(tmp_path, described(tiny_run), resume=True)
    assert not caplog.text
