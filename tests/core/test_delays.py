import json
from collections import Counter

import pytest

from praxia.core.delays import DelayTrace
from praxia.core.errors import DataError, PraxiaError
from praxia.core.types import ChunkExecution

TRACE = DelayTrace((2, 3, 3, 9), 20.0)


def test_a_trace_survives_its_file_and_its_key_is_of_its_content(tmp_path):
    TRACE.save(tmp_path / "trace.json")
    assert DelayTrace.load(tmp_path / "trace.json") == TRACE
    assert json.loads((tmp_path / "trace.json").read_text()) == {
        "schema": "praxia.delays.v1",
        "control_hz": 20.0,
        "delays": [2, 3, 3, 9],
    }
    others = [DelayTrace((2, 3, 9, 3), 20.0), DelayTrace((2, 3, 3, 9), 10.0), DelayTrace((2, 3, 3), 20.0)]
    assert len({one.key for one in (TRACE, *others)}) == 4


def test_each_delay_is_drawn_by_episode_and_step_and_occurs_as_often_as_in_the_trace():
    drawn = [TRACE.draw(f"{episode}", step) for episode in range(40) for step in range(100)]
    assert drawn == [TRACE.draw(f"{episode}", step) for episode in range(40) for step in range(100)]
    assert drawn[:100] != drawn[100:200]
    shares = {delay: count / len(drawn) for delay, count in Counter(drawn).items()}
    assert shares == pytest.approx({2: 0.25, 3: 0.5, 9: 0.25}, abs=0.03)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[2, 3]",
        '{"delays": [1], "control_hz": 20}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": [1.5]}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": [true]}',
        '{"schema": "praxia.delays.v1", "control_hz": null, "delays": [1]}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": []}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": [-1]}',
        '{"schema": "praxia.delays.v1", "control_hz": NaN, "delays": [1]}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": [1, 10001]}',
        '{"schema": "praxia.delays.v1", "control_hz": 20, "delays": [999999999999999999999]}',
        f'{{"schema": "praxia.delays.v1", "control_hz": {10**400}, "delays": [1]}}',
    ],
)
def test_a_file_that_is_no_trace_is_refused_in_one_line_that_names_it(tmp_path, text):
    path = tmp_path / "trace.json"
    path.write_text(text)
    with pytest.raises(DataError, match="trace") as refusal:
        DelayTrace.load(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)
    with pytest.raises(DataError, match="cannot be read"):
        DelayTrace.load(tmp_path / "absent.json")


def test_an_execution_has_a_fixed_delay_or_a_trace():
    assert [ChunkExecution(4, delay=2).delay_at("a", step) for step in range(3)] == [2, 2, 2]
    traced = ChunkExecution(4, trace=TRACE)
    assert [traced.delay_at("a", step) for step in range(5)] == [TRACE.draw("a", step) for step in range(5)]
    assert [one.is_delayed for one in (ChunkExecution(4), ChunkExecution(4, delay=1), traced)] == [False, True, True]
    assert traced.to_json() == {"execution_horizon": 4, "ensemble": None, "trace": TRACE.key}
    with pytest.raises(PraxiaError, match="a fixed delay or a trace"):
        ChunkExecution(4, delay=1, trace=TRACE)
