from base64 import b64decode

import numpy as np
import pytest

from praxia.core.errors import PraxiaError, UnknownName
from praxia.studio.viewer import view as module
from praxia.studio.viewer.view import select_cameras, write_viewer


@pytest.fixture(scope="module")
def blind(foreign, tmp_path_factory):
    """A page without images of two episodes of another writer."""
    out = tmp_path_factory.mktemp("blind") / "page.html"
    assert write_viewer(foreign, out, (), [5, 1]) == [5, 1]
    return out


def test_the_page_holds_the_numbers_of_each_episode(page, contents, demos):
    for episode in contents(page)["episodes"]:
        first = demos.episodes.first[episode["index"]]
        for feature, text in episode["numbers"].items():
            expected = demos.column(feature)[first : first + episode["length"]]
            assert (np.frombuffer(b64decode(text), "<f4").reshape(expected.shape) == expected).all()
        assert list(episode["numbers"]) == ["action", "observation.state", "next.reward", "action.executed"]


def test_a_plot_is_a_field_with_its_unit_range_and_names(page, contents, demos):
    plots = {(plot["feature"], plot["name"]): plot for plot in contents(page)["plots"]}
    grip = plots["observation.state", "grip"]
    assert (grip["first"], grip["unit"], grip["low"], grip["high"], grip["names"]) == (3, "", 0.0, 1.0, ["grip"])
    hand = plots["observation.state", "hand"]
    assert (hand["first"], hand["unit"], hand["low"], hand["names"]) == (0, "m", None, ["0", "1", "2"])
    state = demos.column("observation.state")
    assert hand["spans"] == [[state[:, dim].min(), state[:, dim].max()] for dim in range(3)]


def test_success_by_episode_and_by_step(page, contents, demos):
    episodes = contents(page)["episodes"]
    assert [episode["success"] for episode in episodes] == demos.episodes.success[:5].tolist()
    assert [episode["successes"] for episode in episodes] == [[11], [39], [], [14], [15]]


def test_a_data_set_of_another_writer_has_neither_units_nor_tasks(blind, contents, evil):
    shown = contents(blind)
    assert [plot["name"] for plot in shown["plots"]] == ["action", "state", "reward", "action.executed"]
    assert shown["plots"][1]["names"] == ["hand.0", "hand.1", "hand.2", "grip"]
    assert {plot["unit"] for plot in shown["plots"]} == {""}
    # It records success per step, not per episode.
    assert [episode["success"] for episode in shown["episodes"]] == [False, True]
    assert [episode["thumbnail"] for episode in shown["episodes"]] == [None, None]
    assert shown["video"] is None


def test_the_size_of_the_page_limits_episodes_that_were_not_requested(demos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BYTES", 10)
    assert write_viewer(demos, tmp_path / "page.html", ()) == [0]
    assert "1 of them are on this page; others: <code>praxia data view" in (tmp_path / "page.html").read_text()
    assert write_viewer(demos, tmp_path / "page.html", (), [4, 2]) == [4, 2]


def test_the_page_has_the_command_for_other_episodes(page, demos):
    assert f"<code>praxia data view {demos.root} --episodes 5-6</code>" in page.read_text()


def test_a_page_is_never_written_into_the_data_set(demos):
    with pytest.raises(PraxiaError, match="outside the data set"):
        write_viewer(demos, demos.root / "meta" / "page.html", ())


def test_data_cannot_become_page(page, document):
    tags = document(page.read_text()).tags
    assert [values.get("id") for name, values in tags if name == "script"] == [
        "contents",
        *(f"video-{episode}" for episode in range(5)),
        None,
    ]
    assert "img" not in {name for name, _ in tags}
    assert not [key for _, values in tags for key in values if key.startswith("on")]


def test_the_page_makes_no_request(page, document):
    for _, values in document(page.read_text()).tags:
        for key in ("src", "href", "srcset"):
            assert key not in values
    (rules,) = [values["content"] for _, values in document(page.read_text()).tags if "http-equiv" in values]
    assert rules.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in rules


def test_tasks_are_counted_over_the_whole_data_set(page, document, demos):
    rows = document(page.read_text())
    # Episodes 0 and 4; the fourth of seven is another task.
    assert rows.row("push-0") == ["push-0", "push object 0 to the wall", "2", "28", "2"]
    assert rows.row("</script>")[2:] == ["1", "15", "1"]
    assert f"Lengths of 7 episodes: {12 / 80:.2f} to 0.50 s, median 0.20 s (16 frames)" in page.read_text()


def test_ranges_are_those_of_all_frames_against_what_is_declared(page, document, demos):
    rows = document(page.read_text())
    grip = demos.column("observation.state")[:, 3]
    levels = [f"{level:.4g}" for level in np.quantile(grip.astype(np.float64), [0, 0.01, 0.5, 0.99, 1])]
    outside = int(((grip < 0) | (grip > 1)).sum())
    assert outside > 0
    assert rows.row("state grip")[3:] == [*levels, "0 to 1", str(outside), "0"]
    assert rows.row("state hand 1")[-3:] == ["", "", "0"]


def test_non_finite_numbers_are_counted_and_excluded(foreign, document, tmp_path, contents, monkeypatch):
    column = foreign.column

    def broken(feature):
        values = column(feature).copy()
        if feature == "action":
            values[2, 0], values[:, 1] = np.nan, np.inf
        return values

    monkeypatch.setattr(foreign, "column", broken)
    write_viewer(foreign, tmp_path / "page.html", (), [0])
    rows = document((tmp_path / "page.html").read_text())
    finite = np.delete(column("action")[:, 0], 2)
    assert rows.row("action move.0")[3] == f"{finite.min():.4g}"
    assert rows.row("action move.0")[-1] == "1"
    assert rows.row("action move.1")[3:] == ["–"] * 5 + ["", "", str(foreign.num_frames)]
    assert contents(tmp_path / "page.html")["plots"][0]["spans"][1] is None


def test_cameras_by_name(demos):
    assert select_cameras(demos, []) == ("front", "wrist")
    assert select_cameras(demos, ["wrist", "wrist"]) == ("wrist",)
    with pytest.raises(UnknownName, match="unknown camera 'frnt'; nearest: front"):
        select_cameras(demos, ["frnt"])
