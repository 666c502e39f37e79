import dataclasses
import json
import shutil

import numpy as np
import pytest
from offline_testing import ARM, LENGTHS, KnownErrors, action_at, make_episode, record, record_arm, state_at
from praxia_testing import EMBODIMENT, Stop, make_config, make_config_of_two, make_policy, stop_after

from praxia.checkpoint.store import load_policy, save_policy
from praxia.core.embodiment import Camera, Field
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import Observation, Query
from praxia.data.dataset import Dataset
from praxia.evaluation.offline import HoldBaseline, dim_labels, episode_row, evaluate_offline
from praxia.evaluation.recorded import open_recorded
from praxia.policies.correction import Corrected
from praxia.results.offline import read_offline

# By step of the chunk and action dim; every number is exact in float32.
ERRORS = ((0.5, -1.0, 0.0), (0.25, 2.0, 1.0), (-3.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def arm(tmp_path_factory):
    return record_arm(tmp_path_factory.mktemp("offline") / "arm")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Four episodes of 6 to 9 steps of the embodiment of `make_policy`."""
    return record(tmp_path_factory.mktemp("offline") / "toy", [toy_episode(number) for number in range(4)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A policy's folder; its weights are drawn, so that its chunks depend on everything that it sees."""
    config = make_config()
    weights = config.model.build(config.shapes).state_dict()
    rng = generator("weights")
    for name, value in weights.items():
        drawn = rng.standard_normal(tuple(value.shape)).astype(np.float32) * 0.1
        weights[name] = value + value.new_tensor(drawn) if value.is_floating_point() else value
    folder = tmp_path_factory.mktemp("offline") / "run"
    save_policy(folder, config, weights)
    return folder


def toy_episode(number, embodiment=EMBODIMENT):
    rng = generator("toy", number)
    length = 6 + number
    return make_episode(embodiment, number, rng.uniform(-1, 1, (length, 3)), rng.uniform(0, 10, (length, 2)))


def row_of(policy, recorded, episode, stride=1, batch_size=32):
    row, trace = episode_row(
        policy, recorded, episode, key="k", policy_sha256="f", stride=stride, batch_size=batch_size
    )
    assert trace.frames.tolist() == list(range(0, row.steps, stride))
    return row


def test_known_errors_come_out_as_computed_by_hand(arm):
    policy = KnownErrors(ERRORS)
    row = row_of(policy, open_recorded(policy, str(arm)), 0)
    assert (row.episode, row.task, row.steps, row.frames) == (0, "task-0", 5, 5)
    assert row.num_compared == [5, 4, 3]  # of 5 frames the last has one step ahead, the one before has two
    found = row.policy
    assert found.mae_per_step == pytest.approx([1.5 / 3, 3.25 / 3, 3 / 3], abs=1e-12)
    assert found.mse_per_step == pytest.approx([1.25 / 3, 5.0625 / 3, 9 / 3], abs=1e-12)
    by_hand = {"pan": (5 * 0.5 + 4 * 0.25 + 3 * 3) / 12, "lift": (5 * 1 + 4 * 2) / 12, "mode[0]": 4 / 12}
    assert found.mae_per_dim == pytest.approx(by_hand, abs=1e-12)
    squared = {"pan": (5 * 0.25 + 4 * 0.0625 + 3 * 9) / 12, "lift": (5 * 1 + 4 * 4) / 12, "mode[0]": 4 / 12}
    assert found.mse_per_dim == pytest.approx(squared, abs=1e-12)
    assert found.mae == pytest.approx(sum(by_hand.values()) / 3, abs=1e-12)
    assert found.mse == pytest.approx(sum(squared.values()) / 3, abs=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_baseline_holds_what_can_be_held_and_repeats_the_last_action_otherwise(arm, stride):
    policy = KnownErrors(ERRORS)
    recorded = open_recorded(policy, str(arm))
    assert HoldBaseline.of(recorded.windows.embodiment).to_json() == {"joints": "hold", "mode": "last action"}
    row = row_of(policy, recorded, 2, stride)
    differences = []
    for frame in range(0, LENGTHS[2], stride):
        held = np.array([*state_at(2, frame), action_at(2, max(frame - 1, 0))[2]])
        ahead = range(min(3, LENGTHS[2] - frame))
        differences += [held - action_at(2, frame + step) for step in ahead]
    absolute = np.abs(differences)
    assert row.frames == len(range(0, LENGTHS[2], stride))
    assert list(row.baseline.mae_per_dim.values()) == pytest.approx(absolute.mean(axis=0), abs=1e-12)
    assert row.baseline.mse == pytest.approx((absolute**2).mean(), abs=1e-12)


def test_a_step_of_the_chunk_that_no_frame_reaches_has_no_error(arm):
    policy = KnownErrors((*ERRORS, (1.0, 1.0, 1.0)))
    row = row_of(policy, open_recorded(policy, str(arm)), 1)
    assert row.num_compared == [3, 2, 1, 0]
    assert row.policy.mae_per_step[3] is None


def test_dims_are_called_as_the_data_name_them():
    assert dim_labels(ARM) == {"pan": "rad", "lift": "rad", "mode[0]": ""}
    twice = dataclasses.replace(ARM, action=(ARM.action[0], dataclasses.replace(ARM.action[0], name="more")))
    assert list(dim_labels(twice)) == ["joints[0]", "joints[1]", "more[0]", "more[1]"]


def test_errors_equal_those_of_queries_by_hand(toy, run, tmp_path):
    evaluate_offline(str(run), str(toy), tmp_path / "x.jsonl", stride=2)
    rows, _ = read_offline(tmp_path / "x.jsonl")
    policy, _ = load_policy(run)
    data = Dataset(toy)
    for row in rows:
        first, length = int(data.episodes.first[row.episode]), int(data.episodes.length[row.episode])
        frames = np.arange(first, first + length)
        images, state = data.decode("front", frames), data.column("observation.state")[frames]
        action, text = data.column("action")[frames].astype(np.float64), data.episodes.instruction[row.episode]
        seen = [Observation({"front": image}, one, text, 0.0) for image, one in zip(images, state, strict=True)]
        differences = []
        for frame in range(0, length, 2):
            history = tuple(seen[max(frame - 1, 0) : frame + 1])
            query = Query(history, f"{data.content_sha256}/{row.episode}", frame, 0)
            (decision,), _ = policy.act([query], policy.start(1))
            ahead = min(4, length - frame)
            differences.append(np.abs(decision.chunk[:ahead] - action[frame : frame + ahead]))
        together = np.concatenate(differences)
        assert row.policy.mae == pytest.approx(together.mean(), rel=1e-6)
        assert list(row.policy.mae_per_dim.values()) == pytest.approx(together.mean(axis=0), rel=1e-6)
        assert row.policy.mse == pytest.approx((together**2).mean(), rel=1e-6)
        assert row.policy.mae_per_step[0] == pytest.approx(np.mean([one[0] for one in differences]), rel=1e-6)


def test_numbers_do_not_depend_on_the_batch_or_on_which_episodes_are_chosen(toy, run):
    policy, _ = load_policy(run)
    all_of_them, one = open_recorded(policy, str(toy)), open_recorded(policy, str(toy), "3")
    large, small = row_of(policy, all_of_them, 3), row_of(policy, one, 3, batch_size=1)
    assert large.policy.mae == pytest.approx(small.policy.mae, rel=1e-5)
    assert large.policy.mse_per_dim == pytest.approx(small.policy.mse_per_dim, rel=1e-5)


def test_the_policy_sees_images_in_the_sizes_of_its_training(tmp_path):
    class Spy:
        def __init__(self, policy):
            self.policy, self.seen = policy, []

        def act(self, queries, carry):
            self.seen += [query.history[-1].images["front"] for query in queries]
            return self.policy.act(queries, carry)

        def start(self, num_rows):
            return self.policy.start(num_rows)

        def __getattr__(self, name):
            return getattr(self.policy, name)

    wide = dataclasses.replace(EMBODIMENT, cameras=(Camera("front", 24, 48),))
    data = record(tmp_path / "wide", [toy_episode(0, wide)])
    spy = Spy(make_policy())
    recorded = open_recorded(spy.policy, str(data))
    row_of(spy, recorded, 0)
    letterboxed = Dataset(data).camera_frames("front", (16, 16)).decode(np.arange(6))
    assert np.array_equal(np.stack(spy.seen), letterboxed)


def test_failed_episodes_are_left_out_unless_they_are_named(tmp_path):
    failed = dataclasses.replace(toy_episode(1), success=np.zeros(7, bool))
    data = record(tmp_path / "data", [toy_episode(0), failed])
    assert open_recorded(make_policy(), str(data)).episodes == [0]
    assert open_recorded(make_policy(), str(data), "0-1").episodes == [0, 1]


def test_a_policy_of_another_name_is_bound_on_purpose(toy):
    named = dataclasses.replace(EMBODIMENT, name="trained")
    policy = make_policy(dataclasses.replace(make_config(), embodiments=(named,)))
    with pytest.raises(MismatchError, match=r"for embodiment 'trained', but data set .*toy has 'toy': .*--as"):
        open_recorded(policy, str(toy))
    assert open_recorded(policy, str(toy), bind_as="trained").trained_as == "trained"
    with pytest.raises(UnknownName, match="nearest: trained"):
        open_recorded(policy, str(toy), bind_as="traind")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cameras": (Camera("top", 16, 16),)}, r"uses camera 'front', but data set .* has top: .*mixture file"),
        ({"control_hz": 20.0}, "rate 10 Hz but 20 Hz"),
        ({"action": (Field("move", 2, "velocity", "m"),)}, r"move\[2\] delta in m but move\[2\] velocity in m"),
    ],
)
def test_data_that_mean_something_else_are_refused_in_one_line(tmp_path, change, expected):
    data = record(tmp_path / "data", [toy_episode(0, dataclasses.replace(EMBODIMENT, **change))])
    with pytest.raises(MismatchError, match=expected) as refused:
        open_recorded(make_policy(make_config_of_two()), str(data))
    assert "\n" not in str(refused.value)


def test_a_mixture_file_gives_the_data_the_names_of_the_training(tmp_path, run):
    top = dataclasses.replace(EMBODIMENT, cameras=(Camera("top", 16, 16),))
    record(tmp_path / "data", [toy_episode(0, top)])
    (tmp_path / "mix.json").write_text(json.dumps({"parts": [{"data": "data", "cameras": {"front": "top"}}]}))
    result = evaluate_offline(str(run), str(tmp_path / "mix.json"), tmp_path / "x.jsonl")
    assert result["fingerprint"]["data"]["view"]["cameras"] == {"front": "top"}


def test_what_cannot_be_evaluated_is_refused(toy, run, tmp_path):
    with pytest.raises(PraxiaError, match="one data set, got 2"):
        open_recorded(make_policy(), f"{toy},{toy}")
    with pytest.raises(PraxiaError, match="there is no episode 9: the data set has episodes 0 to 3"):
        open_recorded(make_policy(), str(toy), "0-9")
    with pytest.raises(PraxiaError, match="expects a trained policy or one of your own, got 'zero'"):
        evaluate_offline("zero", str(toy), tmp_path / "x.jsonl")
    with pytest.raises(PraxiaError, match="--stride of at least 1, got 0"):
        evaluate_offline(str(run), str(toy), tmp_path / "x.jsonl", stride=0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda chunk: chunk * np.nan, "not finite at step 0 of episode 1"),
        (lambda chunk: chunk[:2], "gave 2 actions, expected 3, at step 0 of episode 1"),
        (lambda chunk: chunk[:, :2], r"float32 \[3, 2\], expected float32 \[steps, 3\]"),
    ],
)
def test_a_chunk_that_cannot_be_compared_is_refused(arm, change, expected):
    policy = KnownErrors(ERRORS, change)
    with pytest.raises(MismatchError, match=expected):
        row_of(policy, open_recorded(policy, str(arm)), 1)


def test_a_killed_evaluation_goes_on_with_the_missing_episodes(toy, run, tmp_path):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    evaluate_offline(str(run), str(toy), whole)
    stop = stop_after(2)
    with pytest.raises(Stop):
        evaluate_offline(str(run), str(toy), killed, report=lambda done, planned, text: stop(done, {}))
    with killed.open("ab") as file:
        file.write(whole.read_bytes().splitlines(keepends=True)[2][:100])  # torn by the kill
    with pytest.raises(DataError, match=r"ends in the middle of a row.*--resume"):
        read_offline(killed)
    with pytest.raises(PraxiaError, match="already holds an evaluation"):
        evaluate_offline(str(run), str(toy), killed)
    with pytest.raises(MismatchError, match="stride was 1, is 2"):
        evaluate_offline(str(run), str(toy), killed, stride=2, resume=True)
    reports = []
    resumed = evaluate_offline(
        str(run), str(toy), killed, resume=True, report=lambda *report: reports.append(report[0])
    )
    assert reports == [2, 3, 4]
    assert killed.read_bytes() == whole.read_bytes()
    assert resumed["episodes"] == 4


def save_trained(folder, data, held_out):
    """A policy whose provenance names the data sets that it was trained on."""
    about = {"schema": "praxia.run.v2", "data": [Dataset(one).identity for one in data], "held_out": held_out}
    config = dataclasses.replace(make_config(), provenance=about)
    save_policy(folder, config, config.model.build(config.shapes).state_dict())
    return str(folder)


def test_a_policy_is_evaluated_on_the_episodes_that_its_training_held_out(toy, arm, tmp_path):
    policy = save_trained(tmp_path / "policy", [arm, toy], [[0], [1, 3]])
    moved, notices = shutil.copytree(toy, tmp_path / "moved"), []
    result = evaluate_offline(policy, str(moved), tmp_path / "x.jsonl", notice=notices.append)
    assert result["fingerprint"]["episodes"] == [1, 3]
    (line,) = notices
    assert line.endswith("evaluating the 2 episodes that were held out (1,3); --episodes 0-3 takes all")
    asked = evaluate_offline(policy, str(toy), tmp_path / "y.jsonl", episodes="0,1", notice=notices.append)
    assert (asked["fingerprint"]["episodes"], len(notices)) == ([0, 1], 1)


def test_a_policy_that_has_seen_all_episodes_is_evaluated_on_them_and_it_is_said(toy, tmp_path):
    policy, notices = save_trained(tmp_path / "policy", [toy], None), []
    result = evaluate_offline(policy, str(toy), tmp_path / "x.jsonl", notice=notices.append)
    assert result["fingerprint"]["episodes"] == [0, 1, 2, 3]
    assert "held nothing out: the errors are those on what it has seen" in notices[0]


def test_nothing_is_said_of_data_that_the_policy_was_not_trained_on(toy, arm, run, tmp_path):
    notices = []
    evaluate_offline(
        save_trained(tmp_path / "policy", [arm], [[0]]), str(toy), tmp_path / "x.jsonl", notice=notices.append
    )
    evaluate_offline(str(run), str(toy), tmp_path / "y.jsonl", notice=notices.append)
    assert not notices


def test_chunks_are_compared_before_they_are_corrected_and_it_is_said(toy, tmp_path):
    config, notices = make_config(), []
    corrected = dataclasses.replace(config, model=Corrected(config.model, config.model.encoder, (1,)))
    save_policy(tmp_path / "policy", corrected, corrected.model.build(corrected.shapes).state_dict())
    evaluate_offline(str(tmp_path / "policy"), str(toy), tmp_path / "x.jsonl", notice=notices.append)
    assert notices == [
        "the policy's chunks are compared as it decides them, before they are corrected by newer observations"
    ]


def test_episodes_may_be_a_split_of_the_data_set(toy):
    assert open_recorded(make_policy(), str(toy), "train").episodes == [0, 1, 2, 3]
    with pytest.raises(UnknownName, match=r"unknown split of .* 'val'; nearest: train"):
        open_recorded(make_policy(), str(toy), "val")


def known_errors(embodiment):
    """A factory of the policy whose errors are known."""
    assert embodiment == ARM
    return KnownErrors(ERRORS)


def last_state(embodiment):
    """A function whose chunks [3, 3] are the present state, and 0."""

    def act(observation):
        assert set(observation) == {"images", "state", "instruction"}
        return np.tile([*observation["state"], 0.0], (3, 1))

    return act


def test_a_policy_of_somebody_elses_has_the_errors_that_it_makes(arm, tmp_path):
    found = evaluate_offline(known_errors, str(arm), tmp_path / "foreign.jsonl")
    rows, meta = read_offline(tmp_path / "foreign.jsonl")
    expected = [row_of(KnownErrors(ERRORS), open_recorded(KnownErrors(ERRORS), str(arm)), at) for at in range(3)]
    assert [row.policy for row in rows] == [row.policy for row in expected]
    assert [row.baseline for row in rows] == [row.baseline for row in expected]
    fingerprint = meta["fingerprint"]
    assert fingerprint["claim"]["factory"] == f"{__name__}:known_errors"
    assert fingerprint["policy_sha256"].startswith("claimed:")
    assert {row.policy_sha256 for row in rows} == {fingerprint["policy_sha256"]}
    assert found["fingerprint"] == fingerprint


def test_a_function_has_the_horizon_of_its_answer(arm, tmp_path):
    evaluate_offline(last_state, str(arm), tmp_path / "function.jsonl", episodes="1")
    ((row,), _) = read_offline(tmp_path / "function.jsonl")
    states = np.stack([[*state_at(1, frame), 0.0] for frame in range(LENGTHS[1])])
    recorded = np.stack([action_at(1, frame) for frame in range(LENGTHS[1])])
    errors = [np.abs(states[frame] - recorded[frame + step]) for step in range(3) for frame in range(3 - step)]
    assert row.num_compared == [3, 2, 1]
    assert row.policy.mae == pytest.approx(np.mean(errors), rel=1e-6)


def make_privileged(embodiment):
    policy = KnownErrors(ERRORS)
    policy.privileged = True
    return policy


def make_faulty(embodiment):
    return lambda observation: observation["depth"]


@pytest.mark.parametrize(
    ("make", "options", "expected"),
    [
        (make_privileged, {}, "make_privileged reads a simulator's state, which recorded episodes do not have"),
        (make_faulty, {}, r"the policy raised KeyError: 'depth' \(test_offline.py, line \d+\), at step 0 of episode 0"),
        (known_errors, {"bind_as": "arm"}, "--as expects the folder of a trained policy"),
        ("zero", {}, "--data expects a trained policy or one of your own, got 'zero'"),
    ],
)
def test_what_cannot_be_measured_of_it_is_one_line(arm, tmp_path, make, options, expected):
    with pytest.raises(PraxiaError, match=expected):
        evaluate_offline(make, str(arm), tmp_path / "x.jsonl", **options)
