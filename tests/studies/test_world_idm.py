"""The part "idm" of the study of worlds: what it measures, and what passes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from video_testing import SLIDER, Brightness, record_slides

from praxia.core.labelling import PseudoActions
from praxia.data.dataset import Dataset
from praxia.studies import world_idm as module
from praxia.studies import worlds as study
from praxia.studies.stages import Stages


class Told:
    """A labeller that is told the actions of all frames in order, and adds to them. Its std is .1."""

    def __init__(self, dataset, added=0.0):
        self.embodiment, self.window = SLIDER, Brightness().window
        self._actions, self._at = dataset.column("action.executed") + np.array([added, 0.0], np.float32), 0

    def label(self, samples):
        count = len(samples.instruction)
        found = self._actions[self._at : self._at + count]
        self._at += count
        return PseudoActions(found, np.full_like(found, 0.1))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return Dataset(record_slides(tmp_path_factory.mktemp("slides") / "set", range(12)))


def test_all_that_is_told_is_found(dataset):
    found = module.measure_labeller(Told(dataset), dataset)
    assert found == {
        "offsets": [0, 1],
        "r2": pytest.approx(1.0),
        "r2_ci95": pytest.approx([1.0, 1.0]),
        "gripper": 1.0,
        "gripper_ci95": [1.0, 1.0],
        "coverage95": 1.0,
    }


def test_r2_and_coverage_are_those_of_the_errors(dataset):
    action = dataset.column("action.executed")[:, 0].astype(np.float64)
    found = module.measure_labeller(Told(dataset, added=0.5), dataset)
    assert found["r2"] == pytest.approx(1 - 0.25 / action.var(), rel=1e-5)
    assert found["r2_ci95"][0] < found["r2"] < found["r2_ci95"][1]
    assert found["coverage95"] == 0
    assert module.measure_labeller(Told(dataset, added=0.19), dataset)["coverage95"] == 1


def test_the_gripper_is_balanced(dataset):
    """A labeller that always says "closed" finds all of one command and none of the other."""

    class Closed(Told):
        def label(self, samples):
            found = super().label(samples)
            return PseudoActions(np.stack([found.action[:, 0], np.ones(len(found.action))], 1).astype("f4"), found.std)

    assert module.measure_labeller(Closed(dataset), dataset)["gripper"] == 0.5


def test_the_control_sees_later_frames_of_others(dataset):
    """What `Brightness` says of the present stays; its second dim is of the frame after."""
    seen = []

    class Seeing(Brightness):
        def label(self, samples):
            seen.append(super().label(samples))
            return seen[-1]

    passes = []
    for shuffled in (False, True):
        seen.clear()
        module.measure_labeller(Seeing(), dataset, shuffled=shuffled)
        passes.append(np.concatenate([one.action for one in seen]))
    own, others = passes
    np.testing.assert_array_equal(own[:, 0], others[:, 0])
    assert (own[:, 1] != others[:, 1]).mean() > 0.8


GOOD = [
    {"model": "idm-tabletop", "seed": 0, "frames": module.OWN, "r2": 0.85, "gripper": 0.9},
    {"model": "idm-tabletop", "seed": 0, "frames": module.SHUFFLED, "r2": 0.2, "gripper": 0.6},
    {"policy": module.FEW, "seed": 0, "success": 0.3, "ci95": [0.2, 0.4]},
    {
        "policy": module.MIXED,
        "seed": 0,
        "success": 0.7,
        "ci95": [0.6, 0.8],
        "against": {
            module.FEW: {"verdict": "better", "effect": 0.4, "ci95": [0.3, 0.5], "pairs": 300},
            module.ALL: {"verdict": "undecided", "effect": -0.01, "ci95": [-0.08, 0.05], "pairs": 300},
        },
    },
    {"policy": module.ALL, "seed": 0, "success": 0.71, "ci95": [0.6, 0.8]},
]


def test_what_passes():
    assert module.idm_passes(GOOD)
    assert study.PARTS["idm"].passes(GOOD)
    assert not module.idm_passes(GOOD[:2])


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (0, {"r2": 0.79}),
        (0, {"gripper": 0.84}),
        (0, {"gripper": None}),
        (1, {"r2": 0.81}),
        (3, {"against": {**GOOD[3]["against"], module.FEW: {"verdict": "undecided"}}}),
        (3, {"against": {**GOOD[3]["against"], module.ALL: {"ci95": [-0.11, 0.0]}}}),
    ],
)
def test_what_does_not_pass(row, changes):
    assert not module.idm_passes([one | changes if number == row else one for number, one in enumerate(GOOD)])


def test_the_table_has_a_row_each():
    intervals = [one | {"r2_ci95": [0.8, 0.9], "gripper_ci95": None} if "model" in one else one for one in GOOD]
    table = module.idm_table(intervals)
    assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert table["rows"][0][2:4] == ["0.850 [0.800, 0.900]", "–"]
    assert table["rows"][3][4:] == ["better, 0.400 [0.300, 0.500]", "undecided, -0.010 [-0.080, 0.050]"]


@pytest.mark.slow
def test_the_part_runs_at_a_small_scale_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEMONSTRATIONS", 10)
    monkeypatch.setattr(module, "TEST_DEMONSTRATIONS", 1)
    monkeypatch.setattr(module, "EPISODES", 1)
    for name in ("idm_tabletop", "flow_tabletop_heads"):
        run = getattr(module, name)()
        quick = replace(run, train=replace(run.train, steps=2, batch_size=4))
        monkeypatch.setattr(module, name, lambda quick=quick: quick)
    stages = Stages(tmp_path, 0, 1, 1.0, lambda *_: None)
    rows = module.inverse_dynamics(stages, 0)
    assert [row.get("frames") or row["policy"] for row in rows] == [module.OWN, module.SHUFFLED, *module.POLICIES]
    assert rows[0]["offsets"] == [0, 1]
    assert set(rows[3]["against"]) == {module.FEW, module.ALL}
    assert module.inverse_dynamics(stages, 0) == json.loads(json.dumps(rows))
