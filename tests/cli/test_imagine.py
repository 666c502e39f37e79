"""`praxia imagine`: a folder with errors and videos, which the report shows."""

import json
from dataclasses import replace

import av
import pytest
from latent_testing import record_walks, small_lewm

from praxia.cli.main import main
from praxia.recipes.worlds import world_decoder
from praxia.training import engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("imagine")
    record_walks(root / "data")
    run, decoder = small_lewm(), world_decoder()
    engine.train(run, [root / "data"], root / "world", recipe="lewm-tworoom", command="")
    decoder = replace(decoder, model=replace(decoder.model, width=16, image_size=8), train=run.train)
    options = {"recipe": "world-decoder", "command": "", "start_from": root / "world"}
    engine.train(decoder, [root / "data"], root / "decoded", **options)
    return root


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return stopped.value.code


def test_it_writes_errors_and_videos_which_the_report_shows(folder, tmp_path, capsys):
    out = tmp_path / "imagined"
    arguments = (folder / "decoded", folder / "data", "--episodes", "0,2", "--blocks", "3", "--out", out)
    assert run("imagine", *arguments, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((out / "imagined.json").read_text())
    assert printed == written
    assert [one["block"] for one in written["blocks"]] == [1, 2, 3]
    assert {path.name for path in out.iterdir()} == {"imagined.json", *(one["file"] for one in written["videos"])}
    with av.open(str(out / written["videos"][0]["file"])) as video:
        frames = [one.to_ndarray(format="rgb24") for one in video.decode(video=0)]
        assert video.streams.video[0].average_rate == 2
    # Four frames, and half a second of the last; two images of 16 px with a gap of 8, sixteen times as large.
    assert len(frames) == 5
    assert frames[0].shape == (256, 40 * 16, 3)
    assert run("report", out, "--out", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count("<video") == 2
    assert "what its decoder draws" in page
    assert f"{written['blocks'][2]['of_unchanged']:.2%}" in page
    assert "praxia imagine" in page


def test_without_a_decoder_videos_show_frames_of_other_episodes(folder, tmp_path, capsys):
    assert run("imagine", folder / "world", folder / "data", "--blocks", "1", "--out", tmp_path / "imagined") == 0
    said = capsys.readouterr().err
    assert "held nothing out" in said
    written = json.loads((tmp_path / "imagined" / "imagined.json").read_text())
    assert (written["shows"], len(written["videos"])) == ("nearest", 4)
    assert run("report", tmp_path, "--out", tmp_path / "page.html") == 0
    assert "because the world has no decoder" in (tmp_path / "page.html").read_text()


def test_one_episode_without_a_decoder_has_numbers_and_a_line_about_videos(folder, tmp_path, capsys):
    options = ("--episodes", "1", "--blocks", "1", "--out", tmp_path / "imagined")
    assert run("imagine", folder / "world", folder / "data", *options) == 0
    assert "no video: the world does not decode" in capsys.readouterr().err
    assert run("report", tmp_path, "--out", tmp_path / "page.html") == 0


@pytest.mark.parametrize(
    ("world", "options", "said"),
    [
        ("data", (), "expected a policy at"),
        ("world", ("--blocks", "0"), "blocks"),
        ("world", ("--episodes", "9"), "there is no episode 9"),
    ],
)
def test_bad_input_is_one_line(folder, tmp_path, capsys, world, options, said):
    assert run("imagine", folder / world, folder / "data", "--out", tmp_path / "new", *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_over(folder, tmp_path, capsys):
    assert run("imagine", folder / "world", folder / "data", "--out", tmp_path) == 2
    assert "choose another --out" in capsys.readouterr().err
