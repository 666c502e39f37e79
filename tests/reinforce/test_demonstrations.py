import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import toy_point
from toy_point import EMBODIMENT, FAMILY, sac_run

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.types import Decision, EnvSpec
from praxia.core.window import Window
from praxia.policies.specialist import Actor
from praxia.reinforce.demonstrations import Demonstration, read_demonstrations, repeat_demonstrations
from praxia.reinforce.run import reinforce
from praxia.reinforce.sac import SACLearner
from praxia.reinforce.transitions import Replay, TransitionBatch
from praxia.rollout.slots import LocalSlots

SPEC = EnvSpec("point", "reach")
LAYOUT = {"position": 1, "goal": 1}


def local(count):
    return LocalSlots(count, FAMILY.build)


class Expert:
    """Goes straight to the goal."""

    privileged, embodiment, window = True, None, Window({"state": (0,)}, 1)

    def __init__(self, instructions):
        pass

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        return [self._decide(query.privileged) for query in queries], None

    def _decide(self, known):
        move = np.clip(100 * (known["goal"] - known["position"]), -20, 20)
        return Decision(move[None].astype(np.float32), np.ones(1, bool))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("demos") / "data"
    plan = CollectionPlan("point", ("reach", "ends"), 6, toy_point.HORIZON, noise=(0.0,))
    collect(plan, out, FAMILY, make_expert=Expert, make_slots=local)
    return out


repeated = partial(
    repeat_demonstrations, spec=SPEC, embodiment=EMBODIMENT, layout=LAYOUT, make_slots=local, slots=2, horizon=12
)


def test_transitions_are_the_recorded_episodes_without_action_repeat(data):
    found, dataset = read_demonstrations(data, SPEC, EMBODIMENT)
    assert len(found) == 6
    episodes = repeated(found, repeat=1)
    rows = [number for number in range(dataset.num_episodes) if dataset.episodes.task[number] == "reach"]
    assert len(episodes) == 6
    for number, one, transitions in zip(rows, found, episodes, strict=True):
        first, length = dataset.episodes.first[number], len(one.actions)
        assert len(transitions) == length
        np.testing.assert_array_equal([t.action for t in transitions], one.actions)
        recorded = dataset.column("next.reward")[first : first + length, 0]
        np.testing.assert_allclose([t.reward for t in transitions], recorded, rtol=1e-6)
        np.testing.assert_allclose(transitions[0].state, [one.start.payload[name] for name in LAYOUT], rtol=1e-6)
        assert transitions[-1].truncated


def test_with_action_repeat_the_mean_is_executed():
    start = toy_point.draw_start("reach", "a", 0)
    gap = 100 * (start.payload["goal"] - start.payload["position"])
    moves = np.array([[gap / 4 - 1], [gap / 4 + 1], [gap / 4], [gap / 4], [0.0]], np.float32)
    ((first, second, *rest),) = repeated([Demonstration(start, moves)], repeat=2)
    for one in (first, second):
        assert one.num_steps == 2
        np.testing.assert_allclose(one.action, [gap / 4], rtol=1e-5)
    assert sum(one.num_steps for one in rest) >= 3  # those after success


def test_what_does_not_succeed_again_is_left_out():
    start = toy_point.draw_start("reach", "a", 0)
    away = np.full((5, 1), -20 * np.sign(start.payload["goal"] - start.payload["position"]), np.float32)
    assert repeated([Demonstration(start, away)], repeat=1) == []


def test_a_share_of_each_batch_is_drawn_from_demonstrations():
    def filled(value):
        replay = Replay(20, 2, 1)
        for _ in range(20):
            row = np.full((1, 2), value, np.float32)
            replay.add(TransitionBatch(row, row[:, :1], row[:, 0], row, np.array([True])))
        return replay

    options = replace(sac_run().learner, demonstration_share=0.25, batch_size=8)
    learner = SACLearner(Actor(2, 1, 8, 1), 1, options, 0, filled(7.0))
    learner.replay = filled(3.0)
    assert sorted(learner._batch(8, np.random.default_rng(0)).reward) == [3.0] * 6 + [7.0] * 2


def test_a_run_with_demonstrations_learns_sooner(data, tmp_path):
    """With so few steps that it fails without; and it says which data it had."""
    options = {"warmup": 20, "updates": 2.0}
    plain, shown = sac_run(steps=120, **options), sac_run(steps=120, demonstration_share=0.5, **options)
    train = partial(reinforce, family=FAMILY, command="c", make_slots=local)
    found = train(shown, tmp_path / "shown", demos=data)
    assert found["demonstrations"]["episodes"] + found["demonstrations"]["left_out"] == 6
    assert found["success_end"] > train(plain, tmp_path / "plain")["success_end"]
    about = json.loads((tmp_path / "shown" / "run.json").read_text())
    assert (about["recipe"], about["data"][0]["path"]) == ("rlpd", str(data))
    assert train(shown, tmp_path / "shown", demos=data, resume=True)["weights_sha256"] == found["weights_sha256"]


def test_what_does_not_fit_is_refused(data, tmp_path):
    with pytest.raises(PraxiaError, match="expected no --demos with sac"):
        reinforce(sac_run(), tmp_path / "run", FAMILY, command="c", demos=data)
    with pytest.raises(PraxiaError, match="expected --demos DIR with rlpd, got none"):
        reinforce(sac_run(demonstration_share=0.5), tmp_path / "run", FAMILY, command="c")
    with pytest.raises(DataError, match="expected successful episodes of point/crashes"):
        read_demonstrations(data, EnvSpec("point", "crashes"), EMBODIMENT)
    with pytest.raises(MismatchError, match="expected --demos with actions of 'other', got 'point'"):
        read_demonstrations(data, SPEC, replace(EMBODIMENT, name="other", action=EMBODIMENT.state))


class Stuck(toy_point.Point):
    """A point that no action moves."""

    def command(self, action):
        return super().command(np.zeros_like(action))


def test_a_run_that_is_refused_leaves_its_folder_to_the_next(data, tmp_path):
    shown = sac_run(steps=60, demonstration_share=0.5)
    run = partial(reinforce, shown, tmp_path / "run", FAMILY, command="c", demos=data)
    with pytest.raises(DataError, match="none of 6 demonstrations succeeds again"):
        run(make_slots=lambda count: LocalSlots(count, Stuck))
    assert not (tmp_path / "run" / "run.json").exists()
