import json
import sys
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pytest
from exchange_testing import INSTRUCTION

from praxia.cli.main import main
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.importing import import_dataset, open_source
from praxia.datatools.exchange.source import ImportOptions

CHOICE = ImportOptions(instruction=INSTRUCTION, cameras=("front",))


@dataclass
class Changed:
    """A source whose images are what `images` makes of them once the import has begun to compare."""

    source: Any
    change: Any
    comparing: bool = False

    def __getattr__(self, name):
        return getattr(self.source, name)

    def __len__(self):
        return len(self.source)

    def steps(self, episode):
        return self.source.steps(episode)

    def images(self, episode, camera, rows):
        if self.comparing:
            return self.source.images(episode, camera, rows)
        images = self.source.images(episode, camera, slice(0, len(self.steps(episode))))
        return self.change(episode, images)[rows]


def shifted(episode, images):
    return np.concatenate([images[:1], images[:-1]])


def two_swapped(episode, images):
    return images[[0, 2, 1, *range(3, len(images))]] if episode == 1 else images


def backwards(episode, images):
    return images[::-1] if episode == 2 else images


def no_change(episode, images):
    return images


@pytest.mark.parametrize("change", [shifted, two_swapped, backwards, no_change])
def test_images_out_of_order_are_refused(make_aloha, tmp_path, change):
    source = Changed(open_source("aloha", make_aloha(tmp_path / "source", episodes=(0, 1, 2)), CHOICE), change)

    def report(stage, done, planned, text):
        source.comparing |= done == planned

    if change is no_change:
        assert import_dataset(source, tmp_path / "set", report=report)["episodes"] == 3
        return
    with pytest.raises(DataError, match=r"episode \d .*camera front: expected image \d of the source"):
        import_dataset(source, tmp_path / "set", report=report)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_shift_by_one_step_is_detected_on_a_small_object(make_aloha, tmp_path):
    """A flickering scene that the codec smooths, in which only a spot of three pixels moves."""
    draw = np.random.default_rng(0)
    scene = 90 + draw.integers(0, 2, (6, 64, 64, 3), dtype=np.uint8)
    for step in range(6):
        scene[step, 30:33, 20 + step : 23 + step] += 70

    @dataclass
    class Scene(Changed):
        def images(self, episode, camera, rows):
            images = scene[: len(self.steps(episode))]
            return (images if self.comparing else self.change(episode, images))[rows]

    source = Scene(open_source("aloha", make_aloha(tmp_path / "source", episodes=(0, 1)), CHOICE), no_change)

    def report(stage, done, planned, text):
        source.comparing |= done == planned

    assert import_dataset(source, tmp_path / "right", report=report)["psnr_db"]["front"] > 40
    source.change, source.comparing = shifted, False
    with pytest.raises(DataError, match="camera front: expected image 1 of the source, but it is closer to 0"):
        import_dataset(source, tmp_path / "wrong", report=report)


def test_changed_numbers_are_detected(make_aloha, tmp_path):
    source = open_source("aloha", make_aloha(tmp_path / "source", episodes=(0, 1)), CHOICE)

    def report(stage, done, planned, text):
        if (stage, done) == ("import", planned):
            with h5py.File(tmp_path / "source" / "episode_1.hdf5", "r+") as file:
                file["action"][2, 5] += 1

    with pytest.raises(DataError, match=r"episode 1 \(1 of episode_1.hdf5\): expected action.5. to be .* in step 2"):
        import_dataset(source, tmp_path / "set", report=report)
    assert not (tmp_path / "set").exists()


def test_an_interrupted_import_is_resumed(aloha, import_source, tmp_path):
    source = open_source("aloha", aloha, CHOICE)
    undisturbed = import_dataset(source, tmp_path / "complete")

    def killed(stage, done, planned, text):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(source, tmp_path / "set", report=killed)
    assert not (tmp_path / "set").exists()
    with pytest.raises(PraxiaError, match=r"unfinished recording \(2 episodes\).*--resume"):
        import_dataset(source, tmp_path / "set")
    with pytest.raises(MismatchError, match=r"instruction was .* and is now 'no'"):
        import_source("aloha", aloha, tmp_path / "set", resume=True, cameras=("front",), instruction="no")
    resumed = import_dataset(source, tmp_path / "set", resume=True)
    assert resumed == {**undisturbed, "recovered": 2}
    again = import_dataset(source, tmp_path / "set", resume=True)
    assert again["content_sha256"] == undisturbed["content_sha256"]
    with pytest.raises(PraxiaError, match="already holds a finished data set"):
        import_dataset(source, tmp_path / "set")


def test_a_foreign_folder_is_left_alone(aloha, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for out in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(PraxiaError, match="expected an empty or new folder"):
            import_dataset(open_source("aloha", aloha, CHOICE), out)


@pytest.mark.parametrize(("format", "library"), [("aloha", "h5py"), ("diffusion-policy", "zarr")])
def test_a_missing_library_names_the_extra(request, monkeypatch, format, library):
    path = request.getfixturevalue({"aloha": "aloha", "diffusion-policy": "pusht"}[format])
    monkeypatch.setitem(sys.modules, library, None)
    extra = {"h5py": "hdf5", "zarr": "zarr"}[library]
    with pytest.raises(PraxiaError, match=rf"pip install 'praxia\[{extra}\]'"):
        open_source(format, path, CHOICE)


def test_an_unknown_format(tmp_path):
    with pytest.raises(UnknownName, match="unknown format 'robomimc'; nearest: robomimic"):
        open_source("robomimc", tmp_path, CHOICE)


def test_the_verb(aloha, tmp_path, capsys):
    out = str(tmp_path / "set")
    order = ["data", "import", "aloha", str(aloha), "--out", out, "--cameras", "front", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(order)
    assert (ended.value.code, "--instruction" in json.loads(capsys.readouterr().out)["error"]) == (2, True)
    with pytest.raises(SystemExit) as ended:
        main([*order, "--instruction", INSTRUCTION])
    result = json.loads(capsys.readouterr().out)
    assert (ended.value.code, result["path"], result["numbers_equal"]) == (0, out, True)
    assert Dataset(out).num_episodes == result["episodes"] == 3
