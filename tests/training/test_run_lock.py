import dataclasses
import json

import pytest
from praxia_testing import as_before

from praxia.checkpoint.migration import RUN_SCHEMA
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.training.run_lock import write_run

NOW = {"image.front": (0,), "image.wrist": (0,), "state": (0,)}
TURNED = {"image.wrist": (0,), "image.front": (0,), "state": (0,)}


def described(run, observation_steps=NOW, **changes):
    """The description that the engine gives of a run with that window."""
    config = config_to_json(dataclasses.replace(run, window=Window(observation_steps, 4)))
    about = {"config": config, "command": "praxia train tiny", "data": [], "mixture": None, "vqa": None}
    about |= {"seed": 0, "start_from": None, "public_weights_sha256": None, "coverage": {}}
    return {"schema": RUN_SCHEMA, **about, **changes}


def test_a_run_with_another_order_of_cameras_is_not_resumed(tiny_run, tmp_path):
    write_run(tmp_path, described(tiny_run), resume=False)
    write_run(tmp_path, described(tiny_run), resume=True)
    with pytest.raises(PraxiaError, match="another config"):
        write_run(tmp_path, described(tiny_run, TURNED), resume=True)


def test_options_that_differ_are_named_with_both_values(tiny_run, tmp_path):
    write_run(tmp_path, described(tiny_run), resume=False)
    train = dataclasses.replace(tiny_run.train, learning_rate=0.5)
    denoiser = dataclasses.replace(tiny_run.model.head.denoiser, width=8)
    head = dataclasses.replace(tiny_run.model.head, denoiser=denoiser)
    other = dataclasses.replace(tiny_run, train=train, model=dataclasses.replace(tiny_run.model, head=head))
    expected = r"--model\.head\.denoiser\.width was 32 and is 8, --train\.learning-rate was 0\.001 and is 0\.5; resume"
    with pytest.raises(PraxiaError, match=expected):
        write_run(tmp_path, described(other), resume=True)


def test_another_part_is_named_by_its_tag(tiny_run, tmp_path):
    write_run(tmp_path, described(tiny_run), resume=False)
    encoder = StateOnly(text=tiny_run.model.encoder.text)
    other = dataclasses.replace(tiny_run, model=dataclasses.replace(tiny_run.model, encoder=encoder))
    with pytest.raises(PraxiaError, match=r'--model\.encoder was "film-cnn" and is "[a-z-]+", .* absent'):
        write_run(tmp_path, described(other), resume=True)


def test_a_run_may_become_longer_and_not_shorter_and_its_lengths_are_recorded(tiny_run, tmp_path):
    def of(steps):
        return described(dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, steps=steps)))

    assert write_run(tmp_path, of(6), resume=False)["earlier_steps"] == []
    assert write_run(tmp_path, of(6), resume=True)["earlier_steps"] == []
    assert write_run(tmp_path, of(9), resume=True)["earlier_steps"] == [6]
    assert write_run(tmp_path, of(12), resume=True)["earlier_steps"] == [6, 9]
    assert json.loads((tmp_path / "run.json").read_text()) == {**of(12), "earlier_steps": [6, 9]} | {
        "config": json.loads(json.dumps(of(12)["config"]))
    }
    with pytest.raises(PraxiaError, match=r"--train\.steps was 12 and is 9; .*only grow"):
        write_run(tmp_path, of(9), resume=True)


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
