import json
from pathlib import Path

import pytest
from results_testing import made_fingerprint, made_rows, write_results

from praxia.core.errors import PraxiaError
from praxia.results.folder import read_folder


def test_results_are_found_in_folders_too_and_logs_are_passed_over(tmp_path: Path):
    write_results(tmp_path / "b.jsonl", made_rows({"walk": "1"}))
    write_results(tmp_path / "deep" / "a.jsonl", made_rows({"walk": "1"}), {"privileged": True})
    write_results(tmp_path / "c.jsonl", made_rows({"walk": "1"}), {"privileged": True}, control="swapped-image")
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1}\n')
    (tmp_path / "notes.jsonl").write_text("no JSON\n")
    entries, unreadable = read_folder(tmp_path)
    kinds = [(entry.name, entry.kind) for entry in entries]
    assert kinds == [("b.jsonl", "policy"), ("c.jsonl", "control"), ("deep/a.jsonl", "privileged")]
    assert unreadable == {}


def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path):
    torn = write_results(tmp_path / "torn.jsonl", made_rows({"walk": "11"}))
    torn.write_bytes(torn.read_bytes()[:-9])
    write_results(tmp_path / "empty.jsonl", [])
    write_results(tmp_path / "orphan.jsonl", made_rows({"walk": "1"}))
    (tmp_path / "orphan.jsonl.meta.json").unlink()
    (tmp_path / "old.jsonl").write_text('{"schema": "praxia.row.v1"}\n')
    (tmp_path / "old.jsonl.meta.json").write_text(json.dumps({"fingerprint": made_fingerprint()}))
    (write_results(tmp_path / "list.jsonl", made_rows({"walk": "1"})).parent / "list.jsonl.meta.json").write_text("[]")
    write_results(tmp_path / "odd.jsonl", made_rows({"walk": "1"}), {"fingerprint": {}})
    entries, unreadable = read_folder(tmp_path)
    assert entries == []
    reasons = {
        "empty.jsonl": "no rows yet",
        "list.jsonl": "no complete fingerprint",
        "odd.jsonl": "no complete fingerprint",
        "old.jsonl": "praxia.row.v1",
        "orphan.jsonl": "meta.json",
        "torn.jsonl": "ends in the middle of a row",
    }
    assert unreadable.keys() == reasons.keys()
    assert all(reasons[name] in unreadable[name] for name in reasons)


def test_a_folder_without_results_is_refused(tmp_path: Path):
    with pytest.raises(PraxiaError, match="praxia eval"):
        read_folder(tmp_path)
    with pytest.raises(PraxiaError, match="expected a folder"):
        read_folder(tmp_path / "none")
