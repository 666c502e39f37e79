import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.types import EnvSpec, Start
from praxia.results.folder import is_results_file, read_folder, results_name
from praxia.results.meta import read_meta
from praxia.results.migration import META_SCHEMA
from praxia.results.rows import Row, actions_digest, read_rows
from praxia.results.store import Replay, ResultsStore, read_replay

IDENTITY = {"benchmark": {"name": "toy"}, "policy_sha256": "f00d", "control": None}
FINGERPRINT = {**IDENTITY, "seed": 0, "versions": {"numpy": "2.0"}, "revision": "abc"}
META = {"schema": META_SCHEMA, "command": "praxia eval", "fingerprint": FINGERPRINT}
STARTS = [Start("toy", "walk", {"number": number}) for number in range(3)]


def row(start: Start) -> Row:
    digest = actions_digest(replay(start).actions)
    return Row("toy", start.task, start.key, "f00d", None, "success", 2, 2, 1.0, digest, None, 0.1)


def replay(start: Start) -> Replay:
    actions = np.full((2, 1), start.payload["number"], np.float32)
    return Replay(EnvSpec("toy", "walk", wrappers=("swapped-image",)), start, actions)


def filled(out: Path, starts: list[Start]) -> ResultsStore:
    store = ResultsStore(out)
    assert store.begin(META, resume=False) == []
    for start in starts:
        store.append(row(start), replay(start))
    return store


def test_rows_end_in_the_given_order_and_episodes_can_be_replayed(tmp_path: Path):
    out = tmp_path / "deep" / "f.jsonl"
    rows = filled(out, STARTS[::-1]).finish([(start.key, 0) for start in STARTS])
    assert rows == read_rows(out) == [row(start) for start in STARTS]
    assert read_meta(out) == META
    for start in STARTS:
        found = read_replay(out, start.key)
        assert (found.spec, found.start, found.start.key) == (replay(start).spec, start, start.key)
        np.testing.assert_array_equal(found.actions, replay(start).actions)


def test_a_resumed_evaluation_keeps_complete_rows(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    filled(out, STARTS[:2]).close()
    out.write_bytes(out.read_bytes()[:-5])
    store = ResultsStore(out)
    assert store.begin({**META, "command": "other words"}, resume=True) == [row(STARTS[0])]
    store.append(row(STARTS[1]), replay(STARTS[1]))
    assert store.finish([(start.key, 0) for start in STARTS]) == [row(start) for start in STARTS[:2]]


def test_existing_files_are_not_overwritten(tmp_path: Path):
    filled(tmp_path / "f.jsonl", STARTS).close()
    with pytest.raises(PraxiaError, match="--resume"):
        ResultsStore(tmp_path / "f.jsonl").begin(META, resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_is_no_results_file(tmp_path: Path, resume: bool):
    with pytest.raises(PraxiaError, match=r"expected --out to be a file .*; name a file in it"):
        ResultsStore(tmp_path).check(META, resume)


def test_another_evaluation_is_not_resumed_but_another_commit_of_the_same_source_is(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    filled(out, STARTS).close()
    changed = json.loads(json.dumps(META))
    changed["fingerprint"]["revision"] = "def"
    store = ResultsStore(out)
    assert len(store.begin(changed, resume=True)) == 3
    store.close()
    changed["fingerprint"]["versions"]["numpy"] = "2.1"
    with pytest.raises(MismatchError, match=r"versions numpy was '2.0', is '2.1'"):
        ResultsStore(out).begin(changed, resume=True)


def test_rows_without_their_meta_are_not_resumed(tmp_path: Path):
    filled(tmp_path / "f.jsonl", STARTS).close()
    (tmp_path / "f.jsonl.meta.json").unlink()
    with pytest.raises(PraxiaError, match=r"f\.jsonl\.meta\.json"):
        ResultsStore(tmp_path / "f.jsonl").begin(META, resume=True)


def test_damaged_files_are_named(tmp_path: Path):
    filled(tmp_path / "f.jsonl", STARTS).close()
    (tmp_path / "f.jsonl.actions" / f"{STARTS[0].key}.safetensors").write_bytes(b"torn")
    with pytest.raises(DataError, match=STARTS[0].key):
        read_replay(tmp_path / "f.jsonl", STARTS[0].key)
    for damaged in ("{", "[]", "{}", '{"fingerprint": {"seed": 0}}'):
        (tmp_path / "f.jsonl.meta.json").write_text(damaged)
        with pytest.raises(DataError, match=r"f\.jsonl\.meta\.json"):
            read_meta(tmp_path / "f.jsonl")


def test_files_that_differ_behind_a_dot_are_two_evaluations(tmp_path: Path):
    """`with_suffix` would give both "model.actions", and each the other's episodes."""
    outs = [tmp_path / name for name in ("model.v1", "model.v2", "model", "model.jsonl")]
    for number, out in enumerate(outs):
        store = ResultsStore(out)
        store.begin(META, resume=False)
        other = np.full((2, 1), float(number), np.float32)
        store.append(row(STARTS[0]), Replay(EnvSpec("toy", "walk"), STARTS[0], other))
        store.close()
    assert [read_replay(out, STARTS[0].key).actions[0, 0] for out in outs] == [0, 1, 2, 3]
    assert [is_results_file(out) for out in outs] == [True] * 4
    assert sorted(entry.name for entry in read_folder(tmp_path)[0]) == sorted(out.name for out in outs)
    assert [results_name(out) for out in outs[:2]] == ["model.v1", "model.v2"]


def test_episodes_of_files_from_before_are_still_found(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    filled(out, STARTS[:1]).close()
    (tmp_path / "f.jsonl.actions").rename(tmp_path / "f.actions")
    np.testing.assert_array_equal(read_replay(out, STARTS[0].key).actions, replay(STARTS[0]).actions)
    store = ResultsStore(out)
    store.begin(META, resume=True)
    store.append(row(STARTS[1]), replay(STARTS[1]))
    store.close()
    assert [read_replay(out, start.key).start for start in STARTS[:2]] == STARTS[:2]


WRITING = """
import sys
from dataclasses import replace
from pathlib import Path
from praxia.results.store import ResultsStore
store = ResultsStore(Path(sys.argv[1]))
identity = {"benchmark": {"name": "toy"}, "policy_sha256": "f00d", "control": None}
store.begin({"command": "", "fingerprint": identity}, False)
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("resume", [True, False])
def test_what_another_process_writes_is_refused_until_that_is_dead(tmp_path: Path, resume: bool):
    out, meta = tmp_path / "f.jsonl", {"command": "", "fingerprint": IDENTITY}
    command = [sys.executable, "-c", WRITING, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for claim in (ResultsStore(out).check, ResultsStore(out).begin):
            with pytest.raises(
                PraxiaError, match=rf"f\.jsonl is being written by process {other.pid} on .*: wait until"
            ):
                claim(meta, resume)
        other.kill()
    (tmp_path / ".f.jsonl.meta.json.partial").write_text("{")  # what a kill leaves
    store = ResultsStore(out)
    assert store.begin(meta, resume=True) == []
    store.finish([])
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.jsonl", "f.jsonl.actions", "f.jsonl.meta.json"]


def test_episodes_from_one_start_are_kept_apart(tmp_path: Path):
    out = tmp_path / "f.jsonl"
    store = filled(out, STARTS[:1])
    again = replace(replay(STARTS[0]), actions=np.full((2, 1), 7, np.float32))
    store.append(replace(row(STARTS[0]), repeat=1), again)
    rows = store.finish([(STARTS[0].key, 1), (STARTS[0].key, 0)])
    store.close()
    assert [one.repeat for one in rows] == [1, 0]
    np.testing.assert_array_equal(read_replay(out, STARTS[0].key).actions, replay(STARTS[0]).actions)
    np.testing.assert_array_equal(read_replay(out, *rows[0].episode).actions, again.actions)
