"""Every operation, with a complete check of its result."""

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


def all_frames(root, episodes):
    lengths = Dataset(root).episodes.length.tolist()
    return [(root, episode, 0, lengths[episode]) for episode in episodes]


def test_delete(tmp_path, multi_file, check_edited):
    out = tmp_path / "out"
    _, last = Manifest.read(multi_file).files[f"videos/{FRONT}/chunk-000/file-000.mp4"].episodes
    gone = [*range(last + 1), 6]
    result = json.loads(json.dumps(delete(multi_file, f"0-{last},6", out)))
    new = check_edited(out, all_frames(multi_file, [episode for episode in range(8) if episode not in gone]))
    assert result["removed"] == gone
    assert (result["out"], result["episodes"], result["frames"]) == (str(out), 8 - len(gone), new.num_frames)
    assert result["content_sha256"] == new.content_sha256
    assert new.info["splits"] == {"train": f"0:{8 - len(gone)}"}
    (edit,) = json.loads((out / "praxia/plan.json").read_text())["edits"]
    assert edit["of"] == [Dataset(multi_file).content_sha256]
    assert edit["operation"] == "delete"
    videos = {path.stat().st_ino for path in multi_file.rglob("*.mp4")}
    assert {path.stat().st_ino for path in out.rglob("*.mp4")} < videos, "linked, but for those of no episode"
    assert result["bytes_linked"] == sum(path.stat().st_size for path in out.rglob("*.mp4"))


def test_unused_instructions_are_removed(tmp_path, multi_file, check_edited):
    delete(multi_file, "2,6", tmp_path / "out")
    new = check_edited(tmp_path / "out", all_frames(multi_file, [0, 1, 3, 4, 5, 7]))
    assert new.instructions == tuple(f"push object {index} to the wall" for index in (0, 1, 3))
    assert new.info["total_tasks"] == 3


def test_unchanged_files_are_linked(tmp_path, multi_file, check_edited, monkeypatch):
    monkeypatch.setattr(rows, "MIN_LINKED_BYTES", 0)
    out = tmp_path / "out"
    delete(multi_file, "6", out)
    check_edited(out, all_frames(multi_file, [0, 1, 2, 3, 4, 5, 7]))
    for name in ("data", "praxia/states"):
        first = f"{name}/chunk-000/file-000.parquet"
        assert os.path.samefile(out / first, multi_file / first)
        assert Manifest.read(out).files[first] == Manifest.read(multi_file).files[first]


def test_files_are_copied_if_links_fail(tmp_path, multi_file, check_edited, monkeypatch):
    def link(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)
    result = delete(multi_file, "0", tmp_path / "out")
    check_edited(tmp_path / "out", all_frames(multi_file, range(1, 8)))
    assert result["bytes_linked"] == 0


def test_split_by_episodes(tmp_path, multi_file, check_edited):
    outs = [tmp_path / "a", tmp_path / "b"]
    result = split(multi_file, outs, episodes=["0-2,6", "4-5"])
    check_edited(outs[0], all_frames(multi_file, [0, 1, 2, 6]))
    check_edited(outs[1], all_frames(multi_file, [4, 5]))
    assert result["removed"] == [3, 7]
    assert [part["episodes"] for part in result["parts"]] == [4, 2]


def test_split_by_fractions(tmp_path, recorded, check_edited):
    outs = [tmp_path / "a", tmp_path / "b"]
    result = split(recorded, outs, fractions=[0.7, 0.3])
    parts = [[record["start_index"] for record in Dataset(out).records] for out in outs]
    assert sorted(parts[0] + parts[1]) == list(range(8))
    assert ([len(part) for part in parts], result["removed"]) == ([6, 2], [])
    for out, part in zip(outs, parts, strict=True):
        check_edited(out, all_frames(recorded, part))
    split(recorded, [tmp_path / "again"], fractions=[0.7])
    assert Dataset(tmp_path / "again").content_sha256 == Dataset(outs[0]).content_sha256


def test_merge(tmp_path, multi_file, other_recording, check_edited):
    out = tmp_path / "out"
    result = merge([multi_file, other_recording], out)
    new = check_edited(out, all_frames(multi_file, range(8)) + all_frames(other_recording, range(3)))
    assert result["episodes"] == 11
    assert new.instructions == Dataset(multi_file).instructions, "the same ones, at most"
    (edit,) = json.loads((out / "praxia/plan.json").read_text())["edits"]
    assert edit == {
        "operation": "merge",
        "of": [Dataset(root).content_sha256 for root in (multi_file, other_recording)],
    }


def test_merging_a_split_restores_the_episodes(tmp_path, multi_file, check_edited):
    split(multi_file, [tmp_path / "a", tmp_path / "b"], episodes=["0-3", "4-7"])
    merge([tmp_path / "b", tmp_path / "a"], tmp_path / "out")
    check_edited(tmp_path / "out", all_frames(multi_file, [4, 5, 6, 7, 0, 1, 2, 3]))


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


def test_trim(tmp_path, idling, check_edited):
    result = trim(idling, tmp_path / "out", frames=1)
    cut = [(0, 2), (0, 2), (2, 2), (0, 0), (4, 2), (5, 2)]
    check_edited(tmp_path / "out", [(idling, e, begin, 14 - begin - end) for e, (begin, end) in enumerate(cut)])
    assert result["trimmed"] == [
        {"episode": e, "begin": begin, "end": end} for e, (begin, end) in enumerate(cut) if begin or end
    ]
    assert result["still"] == [3]
    records = Dataset(tmp_path / "out").records
    assert [record.get("trimmed") for record in records] == [list(one) if any(one) else None for one in cut]
    again = trim(tmp_path / "out", tmp_path / "again", frames=1)
    assert again["trimmed"] == [], "nothing find_idle_frames is left"


def test_trim_keeps_short_rests_and_uses_only_the_given_features(tmp_path, idling):
    assert [one["begin"] for one in trim(idling, tmp_path / "a", frames=4, dry_run=True)["trimmed"]] == [5]
    assert trim(idling, tmp_path / "a", features=["action"], frames=0, dry_run=True)["trimmed"] == []
    assert trim(idling, tmp_path / "a", threshold=1e9, frames=0, dry_run=True)["still"] == list(range(6))
    with pytest.raises(UnknownName, match=r"unknown feature 'observation.sate'; nearest: observation.state"):
        trim(idling, tmp_path / "a", features=["observation.sate"])
    assert not (tmp_path / "a").exists()


def test_rename(tmp_path, multi_file, check_edited):
    out = tmp_path / "out"
    text = "push object 1 to the wall"
    rename(multi_file, out, features={"front": "top"}, instructions={text: "push it"}, embodiment="other")
    new = check_edited(out, all_frames(multi_file, range(8)), cameras=("top", "wrist"))
    assert new.cameras == ("top", "wrist")
    assert [camera.name for camera in new.embodiment.cameras] == ["top", "wrist"]
    assert (new.embodiment.name, new.info["robot_type"]) == ("other", "other")
    assert new.episodes.instruction[1] == "push it"
    assert (text in new.instructions, "push it" in new.instructions) == (False, True)
    columns = pq.read_table(out / "meta/episodes").column_names
    assert not [name for name in columns if FRONT in name]
    assert FRONT not in new.stats


def test_two_names_are_swapped_and_two_instructions_merged(tmp_path, recorded, check_edited):
    out = tmp_path / "out"
    texts = {f"push object {index} to the wall": "push" for index in range(3)}
    rename(recorded, out, features={"front": "wrist", "wrist": "front"}, instructions=texts)
    new = check_edited(out, all_frames(recorded, range(8)), cameras=("wrist", "front"))
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
def test_invalid_renames(tmp_path, recorded, renamed, message):
    with pytest.raises(PraxiaError, match=message):
        rename(recorded, tmp_path / "out", **renamed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        ("8", "there is no episode 8: the data set has episodes 0 to 7"),
        ("3-1", "rising range of episodes, got '3-1'"),
        ("one", "expected episode numbers like 3,7-9, got 'one'"),
        ("0-7", "nothing of .* would be left"),
    ],
)
def test_invalid_deletions(tmp_path, recorded, episodes, message):
    with pytest.raises(PraxiaError, match=message):
        delete(recorded, episodes, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"fractions": [0.9, 0.2]}, "at most 1 together, got 0.9, 0.2"),
        ({"fractions": [0.9, 0.01]}, "a fraction of 0.01 of 8 episodes is less than one episode"),
        ({"fractions": [0.9]}, "one folder per part, 1 in all, got 2"),
        ({"episodes": ["0-4", "3-7"]}, "got 3-4 in several"),
        ({}, "--episodes or --fractions"),
    ],
)
def test_invalid_splits(tmp_path, recorded, result, message):
    with pytest.raises(PraxiaError, match=message):
        split(recorded, [tmp_path / "a", tmp_path / "b"], **result)
    assert not list(tmp_path.iterdir())


def test_data_sets_that_cannot_be_merged(tmp_path, recorded, other_recording):
    rename(recorded, tmp_path / "renamed", features={"front": "top"})
    with pytest.raises(MismatchError, match=rf"{recorded} and {tmp_path}/renamed do not have the same features: only"):
        merge([recorded, tmp_path / "renamed"], tmp_path / "out")
    rename(other_recording, tmp_path / "robot", embodiment="other")
    with pytest.raises(MismatchError, match="do not have the same robot: 'synthetic' and 'other'"):
        merge([recorded, tmp_path / "robot"], tmp_path / "out")
    with pytest.raises(PraxiaError, match="two or more different data sets"):
        merge([recorded, recorded], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_existing_output_folder_is_refused(tmp_path, recorded):
    before = Dataset(recorded).content_sha256
    for out in (recorded, tmp_path):
        with pytest.raises(PraxiaError, match=f"expected a new folder as --out, got {out}, which already exists"):
            delete(recorded, "0", out)
    with pytest.raises(PraxiaError, match="already exists"):
        split(recorded, [tmp_path / "a", tmp_path / "a"], fractions=[0.5, 0.5])
    Dataset(recorded).verify()
    assert Dataset(recorded).content_sha256 == before


def test_a_dry_run_writes_nothing(tmp_path, recorded):
    result = delete(recorded, "0-1", tmp_path / "out", dry_run=True)
    frames = int(Dataset(recorded).episodes.length[2:].sum())
    assert (result["removed"], result["episodes"], result["frames"]) == ([0, 1], 6, frames)
    assert not list(tmp_path.iterdir())


def test_split_ranges_move_with_their_episodes(tmp_path, recorded):
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
