"""Held-out episodes: which they are, and that nothing that is trained or fitted sees them."""

import dataclasses
import json
import shutil

import foreign
import pytest

from praxia.checkpoint.store import read_config
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.training import engine
from praxia.training.hold_out import hold_out
from praxia.transforms.tokenizer import TextTokenizer


def fit(run, data, out, **more):
    paths = data if isinstance(data, list) else [data]
    return engine.train(run, paths, out, recipe="tiny", command="praxia train tiny", **more)


def split(run, config, share):
    windows = config.open(run.window, successful=run.only_success)
    training, held_out = hold_out(config, windows, share)
    assert held_out is not None
    return episodes_of(training), episodes_of(held_out)


def holding(run, share=0.4, **train):
    return dataclasses.replace(run, hold_out=share, train=dataclasses.replace(run.train, **train))


def episodes_of(mixture):
    return [one.episodes.tolist() for one in mixture.entries]


def test_a_share_of_each_data_set_is_held_out(tiny_run, mixed_paths):
    training, episodes = split(tiny_run, MixtureConfig.of(mixed_paths), 0.4)
    assert [len(one) for one in episodes] == [2, 2, 2]
    for kept, left_out, number in zip(training, episodes, (5, 6, 6), strict=True):
        assert sorted(kept + left_out) == list(range(number)), "an episode that failed is on neither side"
    assert len(split(tiny_run, MixtureConfig.of(mixed_paths[:1]), 0.01)[1][0]) == 1, "at least one"


def test_the_same_episodes_wherever_the_data_lie_and_whatever_they_are_mixed_with(tiny_run, mixed_paths, tmp_path):
    moved = shutil.copytree(mixed_paths[2], tmp_path / "moved")
    (alone,) = split(tiny_run, MixtureConfig.of([moved]), 0.4)[1]
    assert alone == split(tiny_run, MixtureConfig.of(mixed_paths), 0.4)[1][2]


def test_a_data_set_that_a_mixture_has_twice_is_not_on_both_sides(tiny_run, dataset_path):
    entries = tuple(DatasetEntry(str(dataset_path), episodes=one) for one in ((0, 1, 2), (1, 2, 3, 4)))
    both = split(tiny_run, MixtureConfig(entries), 0.25)
    training, held_out = ({number for one in side for number in one} for side in both)
    assert not training & held_out


@pytest.mark.parametrize("share", [-0.1, 1.0, 10.0])
def test_what_is_no_share_is_refused(tiny_run, dataset_path, tmp_path, share):
    with pytest.raises(PraxiaError, match=f"from 0 to below 1, or a split's name, got {share:g}"):
        fit(holding(tiny_run, share), dataset_path, tmp_path / "run")


def test_a_data_set_of_which_nothing_would_be_left_is_refused(tiny_run, dataset_path):
    config = MixtureConfig((DatasetEntry(str(dataset_path), episodes=(2,)),))
    with pytest.raises(MismatchError, match=r"toy to train on beside those held out, got none of 1; lower --hold-out"):
        split(tiny_run, config, 0.5)


def test_training_is_that_of_the_other_episodes_alone(tiny_run, dataset_path, tmp_path):
    """Weights, normalisers and vocabulary are the same as from a mixture file that leaves these episodes out."""
    fitted = fit(holding(tiny_run), dataset_path, tmp_path / "held")
    described = json.loads((tmp_path / "held" / "run.json").read_text())
    (episodes,) = described["held_out"]
    kept = tuple(sorted({0, 1, 2, 3, 4} - set(episodes)))
    mixture = MixtureConfig((DatasetEntry(str(dataset_path), episodes=kept),))
    alone = engine.train(tiny_run, mixture, tmp_path / "alone", recipe="tiny", command="")
    assert {kept_one % 2 for kept_one in kept} == {0, 1}, "both instructions occur, so the vocabularies are the same"
    assert fitted["weights_sha256"] == alone["weights_sha256"]
    assert fitted["policy_sha256"] == alone["policy_sha256"]


def test_the_vocabulary_knows_nothing_of_instructions_that_are_held_out(tiny_run, record_as, tmp_path):
    def changed(one):
        return dataclasses.replace(one, instruction=f"thing {one.start.payload['index']}")

    data = record_as(tmp_path / "data", changed=changed)
    (held,) = split(tiny_run, MixtureConfig.of([data]), 0.4)[1]
    fit(holding(tiny_run), data, tmp_path / "run")
    tokenizer = read_config(tmp_path / "run")[0].transforms.tokenizer
    assert tokenizer == TextTokenizer.fit([f"thing {number}" for number in range(5) if number not in held])


def test_another_training_seed_holds_out_the_same_and_without_the_option_nothing_is(tiny_run, dataset_path, tmp_path):
    found = []
    for name, run in (("a", holding(tiny_run)), ("b", holding(tiny_run, seed=1)), ("c", tiny_run)):
        fit(run, dataset_path, tmp_path / name)
        found.append(json.loads((tmp_path / name / "run.json").read_text())["held_out"])
    assert found[0] == found[1] != found[2]
    assert found[2] is None


def test_a_run_from_before_it_existed_goes_on_and_holds_nothing_out(tiny_run, dataset_path, tmp_path):
    whole = fit(tiny_run, dataset_path, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    described = json.loads(path.read_text())
    del described["held_out"], described["config"]["hold_out"], described["earlier_steps"]
    path.write_text(json.dumps(described))
    assert fit(tiny_run, dataset_path, tmp_path / "run", resume=True)["weights_sha256"] == whole["weights_sha256"]
    with pytest.raises(PraxiaError, match=r"--hold-out was 0\.0 and is 0\.4"):
        fit(holding(tiny_run), dataset_path, tmp_path / "run", resume=True)


@pytest.fixture(scope="module")
def with_splits(tmp_path_factory):
    """A data set of another writer, whose six episodes are in three splits."""
    root = tmp_path_factory.mktemp("splits") / "data"
    foreign.write(root, codec="h264")
    path = root / "meta" / "info.json"
    info = json.loads(path.read_text()) | {"splits": {"train": "0:3", "val": "3:5", "test": "5:6"}}
    path.write_text(json.dumps(info))
    return root


def test_a_split_is_held_out_and_episodes_of_others_are_not_trained_on(tiny_run, with_splits):
    config = MixtureConfig.of([with_splits])
    assert split(tiny_run, config, "val") == ([[0, 1, 2]], [[3, 4]])
    assert split(tiny_run, config, "test") == ([[0, 1, 2]], [[5]])
    assert len(split(tiny_run, config, 0.2)[0][0]) == 5, "a share is one of all episodes"


def test_a_run_that_holds_a_split_out_goes_on_and_says_which_episodes(tiny_run, with_splits, tmp_path):
    whole = fit(holding(tiny_run, "val"), with_splits, tmp_path / "run")
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (described["config"]["hold_out"], described["held_out"]) == ("val", [[3, 4]])
    again = fit(holding(tiny_run, "val"), with_splits, tmp_path / "run", resume=True)
    assert again["weights_sha256"] == whole["weights_sha256"]


def test_a_split_that_does_not_exist_is_refused_with_those_that_do(tiny_run, with_splits, dataset_path):
    with pytest.raises(
        UnknownName, match=r"unknown split of .*data 'valid'; nearest: val.*List all 3: praxia data info"
    ):
        split(tiny_run, MixtureConfig.of([with_splits]), "valid")
    with pytest.raises(UnknownName, match=r"unknown split of .*toy 'val'; nearest: train\. List all 1"):
        split(tiny_run, MixtureConfig.of([dataset_path]), "val")
    only = MixtureConfig((DatasetEntry(str(with_splits), episodes=(0, 1)),))
    with pytest.raises(MismatchError, match="in the split 'val', got none of 2 that would be trained on"):
        split(tiny_run, only, "val")
