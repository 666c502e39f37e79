"""Normalisers fitted on the rows that are trained on, whatever meta/stats.json contains."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.datatools.statistics_warnings import training_warnings
from praxia.transforms.relative import RelativeActions

WINDOW = Window({"state": (0,)}, horizon=4)
# What LeRobot's code computes from the episodes of `spread`: until August 2026, and since then.
RECORDED = json.loads(Path(__file__).with_name("lerobot_statistics.json").read_text())
QUANTILES = ("q01", "q10", "q50", "q90", "q99")


def spread(episode, number):
    """The synthetic episode at a separate offset: values vary far more between episodes than within one."""
    far = np.float32(2 * (number - 2.5))
    narrow = np.float32(0.02)
    return dataclasses.replace(episode, state=narrow * episode.state + far, action=narrow * episode.action + far)


@pytest.fixture
def spread_set(tmp_path, foreign, synthetic, monkeypatch):
    """`spread_set(version, statistics)` writes the episodes as a LeRobot of that version does."""

    def write(version, statistics):
        episode, module = synthetic.episode, foreign.synthetic
        monkeypatch.setattr(module, "episode", lambda number: spread(episode(number), number))
        root = tmp_path / "set"
        taken = foreign.write(root, "v2.1" if version == "v2.0" else version, None)
        info = json.loads((root / "meta/info.json").read_text())
        (root / "meta/info.json").write_text(json.dumps({**info, "codebase_version": version}))
        if statistics is not None:
            (root / "meta/stats.json").write_text(json.dumps(statistics))
        return Dataset(root), taken

    return write


def without_quantiles(statistics):
    return {name: {k: v for k, v in one.items() if k not in QUANTILES} for name, one in statistics.items()}


@pytest.mark.parametrize(
    ("version", "statistics"),
    [
        ("v2.0", without_quantiles(RECORDED["averaged"])),
        ("v2.1", None),
        ("v3.0", None),
        ("v3.0", without_quantiles(RECORDED["averaged"])),
        ("v3.0", RECORDED["averaged"]),
        ("v3.0", RECORDED["envelope"]),
        ("v3.0", {"action": {"q01": "nonsense"}}),
    ],
    ids=["v2.0", "v2.1", "v3.0-none", "v3.0-without-quantiles", "v3.0-averaged", "v3.0-envelope", "v3.0-nonsense"],
)
def test_the_bulk_of_every_lerobot_set_is_normalised_to_within_one(spread_set, version, statistics):
    dataset, taken = spread_set(version, statistics)
    windows = Mixture([Windows(dataset, WINDOW, range(len(taken)))])
    (embodiment,) = fit_transforms(windows, compute_statistics(windows.entries, {})).embodiments
    for normaliser, rows in (
        (embodiment.action, np.concatenate([one.action for one in taken])),
        (embodiment.state, np.concatenate([one.state for one in taken])),
    ):
        found = np.quantile(normaliser.encode(rows), [0.01, 0.99], axis=0)
        np.testing.assert_allclose(found, [[-1] * rows.shape[1], [1] * rows.shape[1]], atol=1e-5)


def test_lerobots_averaged_quantiles_would_have_sent_them_far_beyond(spread_set):
    """The recorded statistics are of these episodes, and wrong as they were in the field."""
    _, taken = spread_set("v3.0", RECORDED["averaged"])
    rows = np.concatenate([one.action for one in taken]).astype(np.float64)
    told = RECORDED["averaged"]["action"]
    np.testing.assert_allclose(told["min"], rows.min(axis=0), rtol=1e-6)
    assert told["count"] == [len(rows)]
    low, high = np.array(told["q01"]), np.array(told["q99"])
    assert np.abs((rows - (low + high) / 2) / ((high - low) / 2)).max() > 98


def rows_of(synthetic, numbers, what="action"):
    return np.concatenate([getattr(synthetic.episode(number), what) for number in numbers])


def ranges(normaliser):
    return np.array([normaliser.low, normaliser.high])


def test_only_rows_that_are_trained_on_count(recorded, synthetic):
    """The successful ones (2 and 5 failed) among those that a mixture chooses, in the part it is read by."""
    mix = MixtureConfig((DatasetEntry(str(recorded), episodes=(0, 1, 2, 4)),))
    windows = mix.open(WINDOW, successful=True)
    (embodiment,) = fit_transforms(windows, compute_statistics(windows.entries, {})).embodiments
    for normaliser, what in ((embodiment.action, "action"), (embodiment.state, "state")):
        due = np.quantile(rows_of(synthetic, (0, 1, 4), what).astype(np.float64), [0.01, 0.99], axis=0)
        constant = normaliser.constant
        np.testing.assert_allclose(ranges(normaliser)[:, ~constant], due[:, ~constant], rtol=1e-6)


def test_of_several_data_sets_the_bulk_of_each_is_within(recorded, synthetic, tmp_path):
    """Renamed, and one drawn a hundred times as often: the range does not depend on how often rows are drawn."""
    copy = shutil.copytree(recorded, tmp_path / "copy")
    parts = (
        DatasetEntry(str(recorded), episodes=(0, 1), weight=100.0),
        DatasetEntry(str(copy), episodes=(3, 4, 6), weight=1.0),
    )
    windows = MixtureConfig(parts).open(WINDOW)
    (embodiment,) = fit_transforms(windows, compute_statistics(windows.entries, {})).embodiments
    for numbers in ((0, 1), (3, 4, 6), (0, 1, 3, 4, 6)):
        rows = rows_of(synthetic, numbers)
        assert np.abs(np.quantile(embodiment.action.encode(rows), [0.01, 0.99], axis=0)).max() <= 1 + 1e-6


def test_relative_actions_of_several_data_sets_are_within_too(recorded, synthetic):
    told = RelativeActions(action=(0,), state=(3,))
    parts = [Windows(Dataset(recorded), WINDOW, episodes) for episodes in ([0, 1], [3, 4])]
    windows = Mixture(parts)
    counted = compute_statistics(parts, {"synthetic": told})
    (embodiment,) = fit_transforms(windows, counted).embodiments
    assert embodiment.relative == told
    for part in parts:
        samples = part.read(np.arange(len(part)), with_images=False)
        moved = told.encode(samples.action, samples.state[:, -1])[samples.action_valid]
        assert np.abs(np.quantile(embodiment.action.encode(moved), [0.01, 0.99], axis=0)).max() <= 1 + 1e-6


def test_actions_at_another_rate_are_those_of_its_steps(recorded, synthetic):
    windows = Mixture([Windows(Dataset(recorded), WINDOW, [1, 3, 4], DatasetView(rate_hz=40.0))])
    (embodiment,) = fit_transforms(windows, compute_statistics(windows.entries, {})).embodiments
    steps, grippers = [], []
    for number in (1, 3, 4):
        action = synthetic.episode(number).action.astype(np.float64)
        steps += [action[now : now + 2, :2].sum(axis=0) for now in range(len(action) - 1)]
        grippers += [action[now + 1, 2] for now in range(len(action) - 1)]
    due = np.column_stack([np.quantile(steps, [0.01, 0.99], axis=0), np.quantile(grippers, [0.01, 0.99])])
    np.testing.assert_allclose(ranges(embodiment.action), due, rtol=1e-5)


def test_statistics_warnings_have_the_names_that_training_sees(recorded, synthetic):
    dataset = Dataset(recorded)
    view = DatasetView(name="other", action={"walk": "move"})
    windows = Mixture([Windows(dataset, WINDOW, [0], view)])
    counted = compute_statistics(windows.entries, {})
    action = counted["other"].combined["action"]
    assert action["count"] == [len(synthetic.episode(0).action)]
    action["min"][1] = action["q01"][1] - 1000.0
    found = [one for one in training_warnings(windows, counted) if one["feature"] == "action"]
    assert [(one["embodiment"], one["dim"], one["kind"]) for one in found] == [("other", "walk.1", "outliers")]
