import re

from ball_world import write_results

from praxia.studio.comparison import group_by_benchmark
from praxia.studio.report import render_report
from praxia.studio.sources import read_sources


def test_episodes_whose_success_is_unknown_are_counted_and_in_no_rate(tmp_path, document):
    write_results(tmp_path / "x.jsonl", {"push": "suu", "turn": "suue"}, axis="task")
    sources = read_sources([tmp_path])
    page = render_report(sources, group_by_benchmark(sources), {})
    text = re.sub(r"(\s|<[^>]*>)+", " ", page)
    assert "successes 2 of 2 episodes" in text
    assert "success unknown 4 of 7 episodes" in text
    assert "would lower success to 66.7%" in text, "2 of 3"
    assert "1 error 4 unknown" in text
    tasks = document(page[page.index("<h2>Task by task") :])
    assert [tasks.row(name)[5] for name in ("push", "turn", "all")] == ["0, 2 unknown", "1, 2 unknown", "1, 4 unknown"]
