import json
import re

import pytest
from ball_world import build, write_results, write_run
from scipy.stats import binomtest

from praxia.core.errors import PraxiaError
from praxia.studio.report import write_report


def wilson(successes, trials):
    found = binomtest(successes, trials).proportion_ci(method="wilson")
    return f"{100 * found.low:.1f}–{100 * found.high:.1f}%"


@pytest.fixture(scope="module")
def demo(tmp_path_factory, tiny_dataset):
    """The page of a demo: a policy with an error, two controls, a blind policy, two runs and a data set."""
    root = tmp_path_factory.mktemp("demo")
    write_results(root / "seeing.jsonl", {"push": "ssfs", "lift": "ssss", "turn": "ffef"})
    write_results(root / "a.jsonl", {"push": "sfff", "lift": "ffff", "turn": "ffff"}, control="swapped-image")
    write_results(root / "b.jsonl", {"push": "ssff", "lift": "sfff", "turn": "ffff"}, sha256="b11d", policy="blind-run")
    write_run(root / "seeing-run")
    write_run(root / "blind-run", blind=True, sha256="b11d")
    return write_report([root, tiny_dataset], root / "out" / "report.html", build=build).read_text()


def test_the_headline_has_the_pooled_rate_its_interval_and_the_macro_mean(demo):
    text = re.sub(r"(\s|<[^>]*>)+", " ", demo)
    assert "63.6 %" in text, "7 of the 11 episodes that did not crash"
    assert f"95% Wilson interval {wilson(7, 11)}" in text
    assert f"{100 * (0.75 + 1 + 0) / 3:.1f}% (" in text
    assert "1 of 12 episodes crashed" in text
    assert "would lower success to 58.3%. The first: RuntimeError: the ball burst" in text


def test_the_headline_has_the_means_of_the_field_and_privileged_information(tmp_path):
    groups = {"easy": ["push", "turn"], "hard": ["lift"]}
    outcomes = {"push": "sssf", "turn": "f", "lift": "s"}
    write_results(tmp_path / "x.jsonl", outcomes, groups=groups, averages_groups=True, privileged_state=True)
    page = write_report([tmp_path / "x.jsonl"], tmp_path / "report.html", build=build).read_text()
    text = re.sub(r"(\s|<[^>]*>)+", " ", page)
    assert "macro: mean of 3 tasks 58.3% (" in text
    assert "mean of easy, hard 68.8% (" in text
    assert "not comparable privileged state" in text


def test_an_unfinished_evaluation_is_reported_as_a_biased_sample(tmp_path, demo):
    assert "biased sample" not in demo
    write_results(tmp_path / "x.jsonl", {"push": "f"})
    meta = tmp_path / "x.jsonl.meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "planned": 9}))
    page = write_report([tmp_path / "x.jsonl"], tmp_path / "report.html", build=build).read_text()
    assert "Only 1 of 9 planned episodes have ended" in page


def test_controls_are_listed_with_their_difference_in_points(demo, document):
    rows = document(demo)
    name, success, interval, _, episodes, errors, points, command = rows.row("swapped-image")
    assert (success, interval, episodes, errors) == ("8.3%", wilson(1, 12), "12", "0")
    assert points == f"−{100 * (7 / 11 - 1 / 12):.1f}"
    assert "praxia eval" in command
    assert "images from another start" in name
    assert rows.row("blind")[6] == f"−{100 * (7 / 11 - 3 / 12):.1f}"


def test_every_task_has_its_rate_interval_errors_steps_and_controls(demo, document):
    rows = document(demo)
    assert rows.row("push") == ["push", "75.0%", wilson(3, 4), "", "4", "0", "25", "25.0%", "50.0%"]
    assert rows.row("turn") == ["turn", "0.0%", wilson(0, 3), "", "4", "1", "–", "0.0%", "0.0%"]
    assert rows.row("all")[1] == "63.6%"


def test_progress_is_shown_if_some_episode_completed_a_part(tmp_path, demo, document):
    assert "progress" not in document(demo).row("task")
    write_results(tmp_path / "x.jsonl", {"push": "shhf", "turn": "ff"})
    rows = document(write_report([tmp_path], tmp_path / "report.html", build=build).read_text())
    assert rows.row("task")[6] == "progress"
    assert [rows.row(name)[6] for name in ("push", "turn", "all")] == ["50.0%", "0.0%", "33.3%"]


def test_a_success_and_a_failure_of_each_task_are_on_the_page(demo, document):
    tags = document(demo).tags
    videos = [values for name, values in tags if name == "video"]
    labels = [values["aria-label"] for values in videos]
    assert [label.split(":")[0] for label in labels] == [
        "Video of push",
        "Video of push",
        "Video of lift",
        "Video of turn",
    ]
    assert all("controls" in values and "muted" in values and "autoplay" not in values for values in videos)
    assert "replay" not in " ".join(labels)


def test_training_runs_and_demonstrations_are_on_the_page(demo, document):
    assert demo.count('class="chart"') == 2
    assert "seed 3; 400 steps in 50 s; loss 1 at step 40, 0.1 at step 400" in demo
    assert "3 episodes (2 successful) of ball, 12 frames at 80 Hz" in demo
    assert ["push", "roll the push", "8", "50.0%", wilson(1, 2), "", "2"] in document(demo).rows


def test_every_command_and_fingerprint_is_on_the_page(demo):
    assert demo.count("praxia eval runs/seeing/policy --benchmark ball/plain --out seeing.jsonl") == 2
    assert demo.count("praxia train flow-ball --data data --out seeing-run") == 2
    assert "versions.mujoco" in demo
    assert "c0ffee" in demo


def test_the_page_makes_no_request(demo, document):
    for name, values in document(demo).tags:
        assert name not in ("script", "link", "iframe", "object", "embed", "base", "form"), name
        assert not [key for key in values if key.startswith("on")], values
        for key in ("src", "href", "poster", "action", "srcset"):
            assert (values.get(key) or "data:").startswith(("data:", "#section-")), values
    style = demo[demo.index("<style>") : demo.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    rules = [values["content"] for name, values in document(demo).tags if "http-equiv" in values]
    assert rules == ["default-src 'none'; style-src 'unsafe-inline'; media-src data:"]


def test_tables_charts_and_videos_have_labels_for_screen_readers(demo, document):
    tags = document(demo).tags
    assert all(values.get("aria-label") or values.get("aria-hidden") for name, values in tags if name == "svg")
    assert all(values.get("aria-label") for name, values in tags if name == "video")
    assert sum(name == "table" for name, _ in tags) == sum(name == "tbody" for name, _ in tags)
    assert all(values.get("scope") in ("row", "col") for name, values in tags if name == "th")
    assert ("html", {"lang": "en"}) in tags


def test_data_cannot_become_page(tmp_path, document):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    write_results(tmp_path / "x.jsonl", {evil: "sf"}, benchmark=evil, policy=f"'{evil}'", control=evil)
    write_run(tmp_path / "<script>")
    page = write_report([tmp_path], tmp_path / "report.html", build=build).read_text()
    names = {name for name, _ in document(page).tags}
    assert not {"script", "img", "b"} & names
    assert not any(key.startswith("on") for _, values in document(page).tags for key in values)


def test_a_video_that_differs_from_its_row_has_a_warning(tmp_path):
    (row,) = write_results(tmp_path / "x.jsonl", {"push": "s"})
    path = tmp_path / "x.jsonl"
    path.write_text(path.read_text().replace(f'"success_step": {row.success_step}', '"success_step": 7'))
    page = write_report([path], tmp_path / "report.html", build=build).read_text()
    assert '<span class="warning bad" role="note">the results have success at step 7' in page


def test_a_training_run_alone_makes_a_page(tmp_path):
    page = write_report([write_run(tmp_path / "run")], tmp_path / "report.html").read_text()
    assert "<h1>Praxia report</h1>" in page
    assert "<video" not in page


def test_a_run_without_a_policy_is_not_finished(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "policy" / "policy.json").unlink()
    assert "Not finished." in write_report([run], tmp_path / "report.html").read_text()


def test_without_a_finished_episode_there_is_no_rate(tmp_path, document):
    write_results(tmp_path / "x.jsonl", {"push": "ee"})
    page = write_report([tmp_path], tmp_path / "report.html", build=build).read_text()
    assert document(page).row("push") == ["push", "–", "", "", "2", "2", "–"]


def test_bad_sources_leave_an_older_page_alone(tmp_path):
    out = tmp_path / "report.html"
    out.write_text("older")
    with pytest.raises(PraxiaError):
        write_report([tmp_path / "nothing"], out)
    assert out.read_text() == "older"
