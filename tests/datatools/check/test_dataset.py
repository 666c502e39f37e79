import io
import json

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damage import DAMAGES, damaged, write
from damages.files import rewrite, with_column
from damages.meta import INFO, STATS, TASKS
from damages.table import TABLE
from PIL import Image
from trial import attempt

from praxia.cli.main import main
from praxia.core.errors import DataError
from praxia.datatools.check.dataset import check
from praxia.datatools.check.problems import KINDS
from praxia.datatools.edit.operations import split

ROWS = "data/chunk-000/file-000.parquet"
FRONT = "videos/observation.images.front/chunk-000/file-001.mp4"
WRIST = "videos/observation.images.wrist/chunk-000/file-001.mp4"
FROM = "videos/observation.images.wrist/from_timestamp"


@pytest.fixture
def original(healthy):
    return healthy[0]["ours"]


@pytest.fixture
def found(tmp_path):
    """The result of `check` on some files, and its problems as (file, episode, kind)."""

    def do(files, **options):
        write(tmp_path / "set", files)
        result = check(tmp_path / "set", **options)
        assert result == json.loads(json.dumps(result))
        assert {problem["kind"] for problem in result["problems"]} <= set(KINDS)
        assert result["ok"] == (not result["problems"])
        return result, {(one["file"], one["episode"], one["kind"]) for one in result["problems"]}

    return do


def foreign(files):
    """The same data set without checksums, as from another writer."""
    return {name: data for name, data in files.items() if not name.startswith("praxia/")}


def changed(files, name, column, change):
    """`files` with `change`, a function of a list, applied to one column of a parquet file."""
    files = dict(files)

    def do(rows):
        return with_column(rows, column, pa.array(change(rows[column].to_pylist()), rows[column].type))

    rewrite(files, name, do)
    return files


def with_values(at, value):
    return lambda values: [*values[:at], value, *values[at + 1 :]]


def test_an_intact_data_set_has_no_problems(original, found):
    steps = []
    result, problems = found(original, report=lambda *step: steps.append(step))
    assert (problems, result["verifiable"], result["episodes_safe"], result["safe"]) == (
        set(),
        "checksums",
        6,
        [[0, 5]],
    )
    assert {step[0]: step[1] for step in steps} == {"hash": len(original) - 1, "rows": 2, "images": 4}
    result, problems = found(foreign(original), quick=True)
    assert (problems, result["verifiable"]) == (set(), "not verifiable")


def test_checksums_name_the_file_and_every_episode_in_it(original, found):
    """One flipped bit in each of three files, and a missing file."""
    files = dict(original)
    for name in (FRONT, STATS):
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        files[name] = bytes(data)
    files[WRIST] = files[WRIST][:-1]
    result, problems = found(files)
    in_front, in_wrist = (
        [number for number, at in enumerate(_files_of(original, camera)) if at == file]
        for camera, file in (("front", 1), ("wrist", 1))
    )
    assert {(FRONT, number, "altered") for number in in_front} <= problems
    assert {(WRIST, number, "truncated") for number in in_wrist} <= problems
    assert (STATS, None, "altered") in problems
    safe = {number for first, last in result["safe"] for number in range(first, last + 1)}
    assert safe == set(range(6)) - {*in_front, *in_wrist}  # the statistics touch no episode
    assert result["episodes_safe"] == len(safe) > 0


def _files_of(files, camera):
    rows = pq.read_table(io.BytesIO(files[TABLE]))
    return rows[f"videos/observation.images.{camera}/file_index"].to_pylist()


def test_flipped_bits_without_checksums(original, found):
    """Damage that still decodes is not detected; other damage is reported by episode, and the rest is safe."""
    files = foreign(original)
    with av.open(io.BytesIO(files[FRONT])) as container:
        third = list(container.demux(video=0))[2]
    data = bytearray(files[FRONT])
    data[third.pos + 20 : third.pos + 60] = bytes(40)
    files[FRONT] = bytes(data)
    first = _files_of(original, "front").index(1)
    result, problems = found(files)
    assert problems == {(FRONT, first, "undecodable")}
    assert result["problems"][0]["count"] == 2  # with the image that is encoded as a difference from it
    assert (result["episodes_safe"], result["verifiable"]) == (5, "not verifiable")
    assert found(files, quick=True)[1] == set()


@pytest.mark.parametrize(
    ("name", "column", "change", "due"),
    [
        (ROWS, "frame_index", with_values(7, 5), {(ROWS, 1, "wrong-index")}),
        (ROWS, "index", lambda values: [values[1], values[0], *values[2:]], {(ROWS, 0, "wrong-index")}),
        (ROWS, "episode_index", with_values(2, 10**15), {(ROWS, 0, "wrong-index")}),
        (ROWS, "timestamp", with_values(3, 1.0), {(ROWS, 0, "wrong-timestamp")}),
        (ROWS, "task_index", with_values(3, 99), {(ROWS, 0, "unknown-task")}),
        (ROWS, "task_index", with_values(3, 1), {(ROWS, 0, "unknown-task")}),  # a task, but not this episode's
        (TABLE, "length", with_values(4, 10**12), {(TABLE, 4, "wrong-index"), (INFO, None, "numbering")}),
        (TABLE, "length", with_values(4, 0), {(TABLE, 4, "empty-episode"), (INFO, None, "numbering")}),
        (TABLE, "episode_index", with_values(4, 3), {(TABLE, 4, "duplicate-episode")}),
        (TABLE, "tasks", with_values(2, ["fly"]), {(TABLE, 2, "unknown-task")}),
        (TABLE, FROM, with_values(1, 0.0), {(TABLE, 1, "wrong-timestamp")}),
        (TABLE, FROM, with_values(1, float("nan")), {(TABLE, 1, "wrong-timestamp")}),
        (TABLE, "data/file_index", with_values(5, -1), {(TABLE, 5, "wrong-index")}),
    ],
)  # fmt: skip
def test_contradicting_numbers(original, found, name, column, change, due):
    result, problems = found(changed(foreign(original), name, column, change))
    assert due <= problems
    named = {episode for _, episode, _ in problems} - {None}
    assert named - {episode for _, episode, _ in due} == set() or name == TABLE
    assert result["episodes_safe"] < 6


def test_many_problems_of_an_episode_are_one_entry(original, found):
    result, _ = found(changed(foreign(original), ROWS, "timestamp", lambda values: [one + 0.5 for one in values]))
    assert [(one["episode"], one["kind"], one["count"]) for one in result["problems"] if one["file"] == ROWS] == [
        (0, "wrong-timestamp", 5),
        (1, "wrong-timestamp", 12),
        (2, "wrong-timestamp", 19),
    ]


def test_statistics(original, found):
    files, stats = foreign(original), json.loads(original[STATS])
    stats["action"]["std"] = [one * 1.1 for one in stats["action"]["std"]]
    del stats["next.reward"]
    files[STATS] = json.dumps(stats).encode()
    result, problems = found(files)
    assert (result["ok"], result["episodes_safe"], problems) == (True, 6, set())
    (note,) = result["notes"]
    assert (note["file"], note["episode"], note["kind"], note["count"]) == (STATS, None, "statistics", 2)
    assert "std of action does not match the data" in note["detail"]


@pytest.mark.parametrize("text", ["{ broken", "[]", '{"action": null}'], ids=["no JSON", "a list", "null"])
def test_invalid_statistics_are_noted_and_an_edit_rewrites_them(original, found, tmp_path, text):
    result, problems = found({**foreign(original), STATS: text.encode()})
    assert (result["ok"], problems) == (True, set())
    assert f"praxia data edit split {tmp_path / 'set'} --fractions 1 --out NEW" in result["notes"][0]["detail"]
    split(tmp_path / "set", [tmp_path / "new"], fractions=[1.0])
    assert check(tmp_path / "new")["notes"] == []


@pytest.mark.parametrize("how", ["averaged", "envelope", "right"])
def test_wrong_quantiles_are_noted_with_the_command_to_run(original, found, how, tmp_path, capsys):
    """LeRobot writes the mean of the episodes' quantiles, since August 2026 their extremes."""
    files, stats = foreign(original), json.loads(original[STATS])
    table = pq.read_table(io.BytesIO(original[TABLE]))
    for name in ("q01", "q10", "q50", "q90", "q99") if how != "right" else ():
        of_episodes = np.array(table[f"stats/action/{name}"].to_pylist())
        lengths = np.array(table["length"].to_pylist())
        ends = of_episodes.min(axis=0) if name <= "q50" else of_episodes.max(axis=0)
        mean = np.average(of_episodes, axis=0, weights=lengths)
        stats["action"][name] = (mean if how == "averaged" else ends).tolist()
    result, problems = found({**files, STATS: json.dumps(stats).encode()})
    assert (result["ok"], problems, len(result["notes"])) == (True, set(), how != "right")
    if how == "right":
        return
    (note,) = result["notes"]
    assert "of action do not match the data" in note["detail"]
    assert ("q01" in note["detail"].partition(" of action")[0]) == (how == "averaged"), "extremes hold 98% and more"
    new = tmp_path / "new"
    message = ["data", "edit", "split", str(tmp_path / "set"), "--fractions", "1", "--out", str(new)]
    assert f"`praxia {' '.join(message)}".replace(str(new), "NEW") in note["detail"]
    for command in (["data", "check", str(tmp_path / "set")], message):
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code == 0
    assert "note: statistics: meta/stats.json" in capsys.readouterr().err
    assert check(new)["notes"] == []


def test_a_column_with_another_shape(original, found):
    info = json.loads(original[INFO])
    info["features"]["action"]["shape"] = [4]
    info["features"]["gone"] = {"dtype": "float32", "shape": [1], "names": None}
    files = {**foreign(original), INFO: json.dumps(info).encode()}
    result, problems = found(files)
    assert {kind for name, _, kind in problems if name.startswith("data/")} == {"wrong-shape"}
    assert result["episodes_safe"] == 0


def test_unreadable_metadata(original, found):
    """Then only checksums can be checked, and no episode is safe."""
    for name, kind in ((INFO, "json"), (TABLE, "unreadable"), (TASKS, "unreadable")):
        result, problems = found({**foreign(original), name: b"{"})
        assert (name, None, kind) in problems
        assert result["episodes_safe"] == 0
    result, problems = found({**original, INFO: b"{", FRONT: b""})
    assert {(INFO, None, "json"), (INFO, None, "truncated"), (FRONT, None, "truncated")} <= problems
    assert result["episodes"] is None


def test_v2_1(healthy, found):
    """Lines of JSON instead of tables, and one file per episode."""
    original, lines = healthy[0]["v2.1"], "meta/episodes.jsonl"
    result, problems = found(original)
    assert (problems, result["episodes_safe"]) == (set(), 6)
    wrong = original[lines].replace(b'"length": 12', b'"length": 11')
    result, problems = found({**original, lines: wrong, "meta/tasks.jsonl": b""})
    assert ("meta/tasks.jsonl", None, "unknown-task") in problems
    assert ("data/chunk-000/episode_000001.parquet", 1, "wrong-index") in problems
    info = original[INFO].replace(b'"chunks_size": 1000', b'"chunks_size": 0')
    assert (lines, None, "json") in found({**original, INFO: info})[1]
    lost = "videos/chunk-000/observation.images.front/episode_000003.mp4"
    result, problems = found({name: data for name, data in original.items() if name != lost})
    assert (problems, result["safe"]) == ({(lost, 3, "missing-file")}, [[0, 2], [4, 5]])


def test_images_among_the_rows(original, found):
    """An image feature as LeRobot writes it: one image missing, one of another size, one truncated."""

    def png(size):
        target = io.BytesIO()
        Image.fromarray(np.full((*size, 3), 90, dtype=np.uint8)).save(target, "PNG")
        return target.getvalue()

    files, info = foreign(original), json.loads(original[INFO])
    info["features"]["observation.images.top"] = {"dtype": "image", "shape": [12, 16, 3], "names": None}
    files[INFO] = json.dumps(info).encode()
    for name in [name for name in files if name.startswith("data/")]:

        def add(rows, name=name):
            cells = [{"bytes": png((12, 16)), "path": None}] * rows.num_rows
            if name == ROWS:
                cells[6], cells[7] = {"bytes": None, "path": None}, {"bytes": png((12, 17)), "path": None}
                cells[8] = {"bytes": png((12, 16))[:-40], "path": None}
            kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
            return rows.append_column("observation.images.top", pa.array(cells, kind))

        rewrite(files, name, add)
    _, problems = found(files)
    assert problems == {(ROWS, 1, "missing-frames"), (ROWS, 1, "camera"), (ROWS, 1, "undecodable")}


def test_images_in_files_of_their_own(tmp_path, foreign):
    """Paths are relative to the data set's folder, as for the reader; sizes are height before width."""
    root = tmp_path / "set"
    foreign.write(root, "v3.0", None, range(3))
    key = "observation.images.wrist"
    rows = pq.read_table(root / ROWS)
    cells = rows[key].to_pylist()
    for number, cell in enumerate(cells):
        (root / f"{number}.png").write_bytes(cell["bytes"])
        cell |= {"bytes": None, "path": f"{number}.png"}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    at = rows.schema.get_field_index(key)
    pq.write_table(rows.set_column(at, key, pa.array(cells, kind)), root / ROWS)
    result = check(root)
    assert (result["ok"], [note["file"] for note in result["notes"]]) == (True, [STATS])
    (root / "0.png").unlink()
    Image.fromarray(np.zeros((80, 3, 3), np.uint8)).save(root / "5.png")
    problems = [(one["episode"], one["kind"]) for one in check(root)["problems"]]
    assert problems == [(0, "missing-frames"), (1, "camera")]


def test_an_undeclared_column_is_not_a_problem(original, found):
    files = foreign(original)
    rewrite(files, ROWS, lambda rows: rows.append_column("__index_level_0__", rows["index"]))
    result, problems = found(files)
    assert (problems, result["ok"], result["episodes_safe"]) == (set(), True, 6)


def test_info_must_declare_images_as_the_reader_reads_them(original, found):
    info = json.loads(original[INFO])
    wrist = {**info["features"]["observation.images.wrist"], "shape": [1, 3, 48, 80]}
    for message in (
        {"features": {**info["features"], "observation.images.wrist": wrist}},
        {"video_frames": [5]},
        {"video_frames": {WRIST: "many"}},
    ):
        result, problems = found({**foreign(original), INFO: json.dumps(info | message).encode()})
        assert problems == {(INFO, None, "json")}
        assert not result["ok"]


def test_the_command(original, tmp_path, capsys):
    write(tmp_path / "set", original)

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["data", "check", str(tmp_path / "set"), *arguments])
        return done.value.code, capsys.readouterr()

    code, message = run("--json", "--quick")
    assert (code, json.loads(message.out)["ok"]) == (0, True)
    (tmp_path / "set" / WRIST).unlink()
    code, message = run("--json")
    value = json.loads(message.out)
    assert (code, value["ok"], value["problems"][0]["file"]) == (2, False, WRIST)
    assert "missing-file" in value["error"]
    assert f"missing-file: {WRIST}, episode" in message.err


def test_a_folder_without_a_data_set_is_refused(tmp_path, stage):
    with pytest.raises(DataError, match=r"expected a folder of this machine, got memory://somewhere/set;"):
        check("memory://somewhere/set")
    with pytest.raises(DataError, match="expected a data set"):
        check(tmp_path / "nowhere")
    stage(tmp_path / "half", range(1))
    with pytest.raises(DataError, match=r"unfinished recording \(1 episodes staged\)"):
        check(tmp_path / "half")


# With checksums, without them, and in v2.1.
SAMPLE = [
    *range(2, 2 * len(DAMAGES), 6),
    *range(1, 2 * len(DAMAGES), 5),
    *range(2 * len(DAMAGES) + 1, 4 * len(DAMAGES), 16),
]


@pytest.mark.parametrize("number", SAMPLE)
def test_damage_is_detected_and_never_read_as_something_else(number, healthy, tmp_path):
    bases, truth = healthy
    one = damaged(bases, number)
    trial = attempt(tmp_path / "set", one, truth[one.base])
    assert [fault for fault in trial.faults if fault.startswith("check")] == []
