"""Every operation, with everything that must hold of its result."""

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset
from praxia.data.manifest import Manifest
from praxia.datatools.edit import rows
from praxia.datatools.edit.operations import delete, merge, rename, split, trim

FRONT = "observation.images.front"


def whole(root, episodes):
    lengths = Dataset(root).episodes.length.tolist()
    return [(root, episode, 0, lengths[episode]) for episode in episodes]


def test_delete(tmp_path, several, proven):
    out = tmp_path / "out"
    _, last = Manifest.read(several).files[f"videos/{FRONT}/chunk-000/file-000.mp4"].episodes
    gone = [*range(last + 1), 6]
    said = json.loads(json.dumps(delete(several, f"0-{last},6", out)))
    new = proven(out, whole(several, [episode for episode in range(8) if episode not in gone]))
    assert said["removed"] == gone
    assert (said["out"], said["episodes"], said["frames"]) == (str(out), 8 - len(gone), new.num_frames)
    assert said["content_sha256"] == new.content_sha256
    assert new.info["splits"] == {"train": f"0:{8 - len(gone)}"}
    (edit,) = json.loads((out / "praxia/plan.json").read_text())["edits"]
    assert edit["of"] == [Dataset(several).content_sha256]
    assert edit["operation"] == "delete"
    videos = {path.stat().st_ino for path in several.rglob("*.mp4")}
    assert {path.stat().st_ino for path in out.rglob("*.mp4")} < videos, "linked, but for those of no episode"
    assert said["bytes_linked"] == sum(path.stat().st_size for path in out.rglob("*.mp4"))


def test_what_no_episode_is_told_any_more_is_no_task(tmp_path, several, proven):
    delete(several, "2,6", tmp_path / "out")
    new = proven(tmp_path / "out", whole(several, [0, 1, 3, 4, 5, 7]))
    assert new.instructions == tuple(f"push object {index} to the wall" for index in (0, 1, 3))
    assert new.info["total_tasks"] == 3


def test_files_before_the_first_change_are_the_old_ones(tmp_path, several, proven, monkeypatch):
    monkeypatch.setattr(rows, "MIN_LINKED_BYTES", 0)
    out = tmp_path / "out"
    delete(several, "6", out)
    proven(out, whole(several, [0, 1, 2, 3, 4, 5, 7]))
    for name in ("data", "praxia/states"):
        first = f"{name}/chunk-000/file-000.parquet"
        assert os.path.samefile(out / first, several / first)
        assert Manifest.read(out).files[first] == Manifest.read(several).files[first]


def test_where_links_cannot_be_made_files_are_copied(tmp_path, several, proven, monkeypatch):
    def link(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)
    said = delete(several, "0", tmp_path / "out")
    proven(tmp_path / "out", whole(several, range(1, 8)))
    assert said["bytes_linked"] == 0


def test_split_by_episodes(tmp_path, several, proven):
    outs = [tmp_path / "a", tmp_path / "b"]
    said = split(several, outs, episodes=["0-2,6", "4-5"])
    proven(outs[0], whole(several, [0, 1, 2, 6]))
    proven(outs[1], whole(several, [4, 5]))
    assert said["removed"] == [3, 7]
    assert [part["episodes"] for part in said["parts"]] == [4, 2]


def test_split_by_fractions(tmp_path, recorded, proven):
    outs = [tmp_path / "a", tmp_path / "b"]
    said = split(recorded, outs, fractions=[0.7, 0.3])
    parts = [[record["start_index"] for record in Dataset(out).records] for out in outs]
    assert sorted(parts[0] + parts[1]) == list(range(8))
    assert ([len(part) for part in parts], said["removed"]) == ([6, 2], [])
    for out, part in zip(outs, parts, strict=True):
        proven(out, whole(recorded, part))
    split(recorded, [tmp_path / "again"], fractions=[0.7])
    assert Dataset(tmp_path / "again").content_sha256 == Dataset(outs[0]).content_sha256


def test_merge(tmp_path, several, others, proven):
    out = tmp_path / "out"
    said = merge([several, others], out)
    new = proven(out, whole(several, range(8)) + whole(others, range(3)))
    assert said["episodes"] == 11
    assert new.instructions == Dataset(several).instructions, "the same ones, at most"
    (edit,) = json.loads((out / "praxia/plan.json").read_text())["edits"]
    assert edit == {"operation": "merge", "of": [Dataset(root).content_sha256 for root in (several, others)]}


def test_merging_what_was_split_gives_the_episodes_back(tmp_path, several, proven):
    split(several, [tmp_path / "a", tmp_path / "b"], episodes=["0-3", "4-7"])
    merge([tmp_path / "b", tmp_path / "a"], tmp_path / "out")
    proven(tmp_path / "out", whole(several, [4, 5, 6, 7, 0, 1, 2, 3]))


@pytest.fixture(scope="module")
def idling(tmp_path_factory, synthetic, record):
    """Episodes of 14 frames whose state rests for `index` at the begin and 2 at the end; episode 3 never moves."""
    make, root = synthetic.episode, tmp_path_factory.mktemp("idling") / "set"

    def episode(index, length=None):
        one = make(index, 14)
        if index == 3:
            one.state[:] = one.state[0]
        one.state[: index + 1], one.state[-3:] = one.state[index], one.state[-1]
        return one

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "episode", episode)
        record(root, range(6))
    return root


def test_trim(tmp_path, idling, proven):
    said = trim(idling, tmp_path / "out", frames=1)
    cut = [(0, 2), (0, 2), (2, 2), (0, 0), (4, 2), (5, 2)]
    proven(tmp_path / "out", [(idling, e, begin, 14 - begin - end) for e, (begin, end) in enumerate(cut)])
    assert said["trimmed"] == [
        {"episode": e, "begin": begin, "end": end} for e, (begin, end) in enumerate(cut) if begin or end
    ]
    assert said["still"] == [3]
    records = Dataset(tmp_path / "out").records
    assert [record.get("trimmed") for record in records] == [list(one) if any(one) else None for one in cut]
    again = trim(tmp_path / "out", tmp_path / "again", frames=1)
    assert again["trimmed"] == [], "nothing find_idle_frames is left"


def test_trim_leaves_short_rests_and_takes_the_named_features_alone(tmp_path, idling):
    assert [one["begin"] for one in trim(idling, tmp_path / "a", frames=4, dry_run=True)["trimmed"]] == [5]
    assert trim(idling, tmp_path / "a", features=["action"], frames=0, dry_run=True)["trimmed"] == []
    assert trim(idling, tmp_path / "a", threshold=1e9, frames=0, dry_run=True)["still"] == list(range(6))
    with pytest.raises(UnknownName, match=r"unknown feature 'observation.sate'; nearest: observation.state"):
        trim(idling, tmp_path / "a", features=["observation.sate"])
    assert not (tmp_path / "a").exists()


def test_rename(tmp_path, several, proven):
    out = tmp_path / "out"
    text = "push object 1 to the wall"
    rename(several, out, features={"front": "top"}, instructions={text: "push it"}, embodiment="other")
    new = proven(out, whole(several, range(8)), cameras=("top", "wrist"))
    assert new.cameras == ("top", "wrist")
    assert [camera.name for camera in new.embodiment.cameras] == ["top", "wrist"]
    assert (new.embodiment.name, new.info["robot_type"]) == ("other", "other")
    assert new.episodes.instruction[1] == "push it"
    assert (text in new.instructions, "push it" in new.instructions) == (False, True)
    columns = pq.read_table(out / "meta/episodes").column_names
    assert not [name for name in columns if FRONT in name]
    assert FRONT not in new.stats


def test_two_names_change_places_and_two_instructions_become_one(tmp_path, recorded, proven):
    out = tmp_path / "out"
    texts = {f"push object {index} to the wall": "push" for index in range(3)}
    rename(recorded, out, features={"front": "wrist", "wrist": "front"}, instructions=texts)
    new = proven(out, whole(recorded, range(8)), cameras=("wrist", "front"))
    assert new.instructions == ("push", "push object 3 to the wall")


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"features": {"fornt": "top"}}, "unknown feature 'fornt'; nearest: front"),
        ({"features": {"front": "wrist"}}, "names that no other feature"),
        ({"features": {"timestamp": "time"}}, "every reader .* relies on timestamp"),
        ({"features": {"action": "act"}}, "cameras alone"),
        ({"instructions": {"push objet 1 to the wall": "a"}}, "unknown instruction .* nearest: push object"),
        ({}, "expected something to rename"),
    ],
)
def test_names_that_cannot_be_changed(tmp_path, recorded, renamed, message):
    with pytest.raises(PraxiaError, match=message):
        rename(recorded, tmp_path / "out", **renamed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        ("8", "there is no episode 8: the data set has episodes 0 to 7"),
        ("3-1", "range of episodes that rises, got '3-1'"),
        ("one", "expected numbers of episodes like 3,7-9, got 'one'"),
        ("0-7", "nothing of .* would be left"),
    ],
)
def test_episodes_that_cannot_be_deleted(tmp_path, recorded, episodes, message):
    with pytest.raises(PraxiaError, match=message):
        delete(recorded, episodes, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"fractions": [0.9, 0.2]}, "at most 1 together, got 0.9, 0.2"),
        ({"fractions": [0.9, 0.01]}, "a fraction of 0.01 of 8 episodes is less than one episode"),
        ({"fractions": [0.9]}, "one folder per part, 1 in all, got 2"),
        ({"episodes": ["0-4", "3-7"]}, "got 3-4 in several"),
        ({}, "--episodes or --fractions"),
    ],
)
def test_splits_that_cannot_be(tmp_path, recorded, said, message):
    with pytest.raises(PraxiaError, match=message):
        split(recorded, [tmp_path / "a", tmp_path / "b"], **said)
    assert not list(tmp_path.iterdir())


def test_data_sets_that_are_not_alike(tmp_path, recorded, others):
    rename(recorded, tmp_path / "renamed", features={"front": "top"})
    with pytest.raises(MismatchError, match=rf"{recorded} and {tmp_path}/renamed do not have the same features: only"):
        merge([recorded, tmp_path / "renamed"], tmp_path / "out")
    rename(others, tmp_path / "robot", embodiment="other")
    with pytest.raises(MismatchError, match="do not have the same robot: 'synthetic' and 'other'"):
        merge([recorded, tmp_path / "robot"], tmp_path / "out")
    with pytest.raises(PraxiaError, match="two or more different data sets"):
        merge([recorded, recorded], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_already(tmp_path, recorded):
    before = Dataset(recorded).content_sha256
    for out in (recorded, tmp_path):
        with pytest.raises(PraxiaError, match=f"expected a new folder as --out, got {out}, which already exists"):
            delete(recorded, "0", out)
    with pytest.raises(PraxiaError, match="already exists"):
        split(recorded, [tmp_path / "a", tmp_path / "a"], fractions=[0.5, 0.5])
    Dataset(recorded).verify()
    assert Dataset(recorded).content_sha256 == before


def test_a_dry_run_writes_nothing(tmp_path, recorded):
    said = delete(recorded, "0-1", tmp_path / "out", dry_run=True)
    frames = int(Dataset(recorded).episodes.length[2:].sum())
    assert (said["removed"], said["episodes"], said["frames"]) == ([0, 1], 6, frames)
    assert not list(tmp_path.iterdir())


def test_a_splits_range_moves_with_its_episodes(tmp_path, recorded):
    from praxia.datatools.edit.change import Change, EpisodeSlice
    from praxia.datatools.edit.meta import new_info
    from praxia.datatools.edit.source import SourceDataset

    source = SourceDataset.open(recorded)
    source.info["splits"] = {"train": "0:5", "val": "5:6", "test": "6:8"}
    assert new_info(Change((EpisodeSlice.all_frames(source, np.array([1, 4, 6, 7])),), {}), {})["splits"] == {
        "train": "0:2",
        "test": "2:4",
    }
    with pytest.raises(MismatchError, match="has the splits train, val, test"):
        new_info(Change((EpisodeSlice.all_frames(source), EpisodeSlice.all_frames(source)), {}), {})
