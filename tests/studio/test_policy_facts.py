"""The page opens with what a policy is and what it was trained on."""

import json

import numpy as np
from ball_world import page_without_videos, text_of, write_results, write_run
from safetensors.numpy import save_file

OLD, NEW = "5ee1" * 16, "be1f" * 16


def write_described_run(root, **changes):
    """A run as `praxia train` writes it today."""
    run = write_run(root)
    about = json.loads((run / "run.json").read_text())
    about["config"]["train"] = {"steps": 3000, "batch_size": 64}
    about["data"] = [{"path": "my/so101", "content_sha256": "c0ffee"}]
    about |= {"trained_on": [{"episodes": 45, "windows": 9000}], "held_out": [[3, 7, 9, 20, 41]], **changes}
    (run / "run.json").write_text(json.dumps(about))
    weights = {"a": np.zeros((1200, 1000), np.float32), "b": np.zeros(34_000, np.float32)}
    save_file(weights, run / "policy" / "weights.safetensors")
    return run


def test_it_says_recipe_model_data_training_and_hash_before_any_rate(tmp_path):
    write_results(tmp_path / "x.jsonl", {"push": "sf"})
    write_described_run(tmp_path / "mine")
    text = text_of(page_without_videos(tmp_path))
    facts = (
        "mine on ball/plain recipe flow-ball model film-cnn + flow, 1.2M weights trained on so101 (45 episodes, 5 held "
        "out) training 3,000 steps of 64 windows, seed 3 hash 5ee15ee15ee1"
    )
    assert facts in text
    assert text.index(facts) < text.index("95% Wilson interval")
    assert text.count("film-cnn + flow") == 1, "and only once"


def test_what_a_run_was_fine_tuned_from(tmp_path):
    write_results(tmp_path / "x.jsonl", {"push": "sf"})
    write_described_run(tmp_path / "mine", start_from={"path": "runs/base", "policy_sha256": "1"})
    assert "fine-tuned from base" in text_of(page_without_videos(tmp_path))


def test_a_policy_without_its_run_says_how_to_show_it(tmp_path):
    write_results(tmp_path / "x.jsonl", {"push": "sf"}, weights_sha256="abc")
    text = text_of(page_without_videos(tmp_path))
    assert "hash 5ee15ee15ee1 trained on unknown: add the folder of its training run to the report" in text


def test_a_run_that_nothing_was_evaluated_of_is_described_where_its_training_is(tmp_path):
    write_described_run(tmp_path / "mine")
    text = text_of(page_without_videos(tmp_path))
    assert text.index("Training mine") < text.index("trained on so101 (45 episodes, 5 held out)")


def test_an_older_run_takes_the_number_of_episodes_from_its_data_set(tmp_path, tiny_dataset):
    from praxia.data.dataset import Dataset
    from praxia.studio.comparison import group_by_benchmark
    from praxia.studio.report import render_report
    from praxia.studio.sources import read_sources

    write_results(tmp_path / "x.jsonl", {"push": "sf"})
    data = [{"path": "demos", "content_sha256": Dataset(tiny_dataset).content_sha256}]
    write_described_run(tmp_path / "mine", data=data, trained_on=None, held_out=None)
    sources = read_sources([tmp_path, tiny_dataset])
    assert "trained on demos (3 episodes)" in text_of(render_report(sources, group_by_benchmark(sources), {}))


def test_a_comparison_opens_with_the_verdict_and_both_policies(tmp_path):
    write_results(tmp_path / "new.jsonl", {"push": "ssssssss"}, policy="runs/new/policy", sha256=NEW)
    write_results(tmp_path / "old.jsonl", {"push": "ffffffff"}, policy="runs/old/policy", sha256=OLD)
    write_described_run(tmp_path / "old")
    html = page_without_videos(tmp_path)
    text = text_of(html[html.index("<main") :])
    assert text.startswith(" Praxia report new against old on ball/plain new is better than old: +100.0 points")
    assert text.index("hash be1fbe1fbe1f") < text.index("recipe flow-ball") < text.index("Pair by pair")
    assert html.count("<h1") == 1
    assert text.index("Pair by pair") < text.index("Task by task")


def test_a_policy_of_somebody_elses_is_said_to_be_claimed(tmp_path):
    claim = {"factory": "mine:make", "distribution": "mine 1.2", "source_sha256": NEW, "fingerprint": {"weights": OLD}}
    hashes = {"policy_sha256": f"claimed:{OLD}", "weights_sha256": None}
    write_results(tmp_path / "x.jsonl", {"push": "sf"})
    about = tmp_path / "x.jsonl.meta.json"
    meta = json.loads(about.read_text())
    meta["fingerprint"] |= {**hashes, "claim": claim}
    about.write_text(json.dumps(meta))
    text = text_of(page_without_videos(tmp_path))
    assert "foreign policy mine:make package mine 1.2 hash of the source be1fbe1fbe1f" in text
    assert "identity claimed, not proved: claimed:5ee15ee15ee1" in text
    assert "unknown: add the folder of its training run" not in text


def test_a_planner_is_described_by_its_solver_and_world(tmp_path):
    blocks = {"type": "blocks", "count": 5, "steps": 5, "repeat": True, "shrink": False}
    planner = {"type": "planner", "world": NEW, "blocks": blocks, "objective": {"type": "goal-distance", "goal": {}}}
    planner["solver"] = {"type": "cem", "samples": 300, "elites": 30}
    write_results(tmp_path / "x.jsonl", {"push": "sf"})
    about = tmp_path / "x.jsonl.meta.json"
    meta = json.loads(about.read_text())
    meta["fingerprint"] |= {"weights_sha256": OLD, "planner": planner}
    about.write_text(json.dumps(meta))
    text = text_of(page_without_videos(tmp_path))
    assert "planner cem (samples 300, elites 30) objective goal-distance" in text
    assert f"plan 5 blocks of 5 control steps, one action per block world model {NEW[:12]}" in text
