import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from latent_testing import record_walks, small_lewm
from world_testing import PointWorld

from praxia.checkpoint.store import load_world, read_config
from praxia.core.errors import DataError, MismatchError
from praxia.core.types import Observation, Query
from praxia.data.dataset import Dataset
from praxia.evaluation.held_out import find_training
from praxia.evaluation.imagination import imagine_episodes
from praxia.recipes.worlds import world_decoder
from praxia.training import engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Walks, a world that held the last out, and the same with a decoder."""
    root = tmp_path_factory.mktemp("imagination")
    record_walks(root / "data")
    run = replace(small_lewm(), hold_out=0.25)
    engine.train(run, [root / "data"], root / "world", recipe="lewm-tworoom", command="")
    decoder = world_decoder()
    decoder = replace(decoder, model=replace(decoder.model, width=16, image_size=8), train=run.train)
    options = {"recipe": "world-decoder", "command": "", "start_from": root / "world"}
    engine.train(decoder, [root / "data"], root / "decoded", **options)
    return root


def query(images, frame):
    return Query((Observation({"top": images[frame]}, np.zeros(4, np.float32), "", 0.0),), "", 0, 0)


def reference(folder, episodes, num_blocks):
    """Each start alone, all blocks at once: sums of squared errors by episode and block, and the images decoded."""
    world, _ = load_world(folder / "decoded")
    data = Dataset(folder / "data")
    errors, pixels = np.zeros((len(episodes), num_blocks, 3)), np.zeros((num_blocks, 2))
    for at, episode in enumerate(episodes):
        first, length = int(data.episodes.first[episode]), int(data.episodes.length[episode])
        images = data.decode("top", np.arange(first, first + length))
        actions = data.column("action.executed")[first : first + length]
        for start in range(0, length, 5):
            now = world.start([query(images, start)])
            for block in range(min(num_blocks, (length - 1 - start) // 5)):
                end = start + 5 * (block + 1)
                imagined = world.imagine(now, torch.from_numpy(actions[None, start:end].copy()))
                later = world.start([query(images, end)]).latent
                errors[at, block] += [
                    float((imagined.latents[:, -1] - later).square().mean()),
                    float((now.latent - later).square().mean()),
                    1,
                ]
                shown = world.decode(imagined.state)["top"][0]
                real = images[end].astype(float)
                pixels[block] += [((one - real) ** 2).mean() for one in (shown, images[start])]
    return errors, pixels


def test_errors_are_those_of_each_start_alone(folder):
    found = imagine_episodes(folder / "decoded", str(folder / "data"), episodes="0-2", num_blocks=4).result
    errors, pixels = reference(folder, [0, 1, 2], 4)
    total = errors.sum(0)
    assert [one["starts"] for one in found["blocks"]] == total[:, 2].tolist()
    np.testing.assert_allclose([one["of_unchanged"] for one in found["blocks"]], total[:, 0] / total[:, 1], rtol=1e-4)
    rmse = np.sqrt(pixels / total[:, 2:])
    shown = [[one["pixel_rmse"], one["pixel_rmse_unchanged"]] for one in found["blocks"]]
    np.testing.assert_allclose(shown, rmse, rtol=1e-3)
    assert [one["seconds"] for one in found["blocks"]] == [0.5, 1.0, 1.5, 2.0]
    for row, by_episode in zip(found["blocks"], np.swapaxes(errors, 0, 1), strict=True):
        ratios = by_episode[:, 0] / by_episode[:, 1]
        low, high = row["ci95"]
        assert 0.999 * ratios.min() <= low <= row["of_unchanged"] <= high <= 1.001 * ratios.max()


def test_videos_show_what_was_recorded_beside_what_is_decoded(folder):
    found = imagine_episodes(folder / "decoded", str(folder / "data"), episodes="1,3", num_blocks=3)
    world, _ = load_world(folder / "decoded")
    data = Dataset(folder / "data")
    assert (found.result["shows"], found.rate_hz) == ("decoded", 2.0)
    assert [(one.episode, one.camera) for one in found.videos] == [(1, "top"), (3, "top")]
    first = int(data.episodes.first[3])
    images = data.decode("top", first + np.arange(0, 16, 5))
    np.testing.assert_array_equal(found.videos[1].real, images)
    actions = torch.from_numpy(data.column("action.executed")[first : first + 15][None].copy())
    last = world.decode(world.imagine(world.start([query(images, 0)]), actions).state)["top"][0]
    np.testing.assert_allclose(found.videos[1].imagined[3].astype(int), last, atol=1)


def test_a_world_without_a_decoder_shows_the_nearest_frames_of_other_episodes(folder):
    notices = []
    found = imagine_episodes(folder / "world", str(folder / "data"), episodes="0-1", notice=notices.append)
    assert found.result["shows"] == "nearest"
    assert found.result["decoder_rmse"] is None
    assert found.result["blocks"][0]["pixel_rmse"] is None
    data, world = Dataset(folder / "data"), load_world(folder / "world")[0]
    other = data.decode("top", int(data.episodes.first[1]) + np.arange(30))
    latents = torch.cat([world.start([query(other, at)]).latent[0] for at in range(30)])
    first = world.start([query(found.videos[0].real, 0)]).latent[0]
    nearest = other[int((latents - first).square().mean(1).argmin())]
    np.testing.assert_array_equal(found.videos[0].imagined[0], nearest)
    alone = imagine_episodes(folder / "world", str(folder / "data"), episodes="2")
    assert (alone.result["shows"], alone.videos) == (None, ())
    assert alone.result["blocks"][0]["ci95"] is None
    assert not notices


def test_episodes_that_training_held_out_are_imagined_by_default(folder):
    notices = []
    found = imagine_episodes(folder / "world", str(folder / "data"), num_blocks=1, notice=notices.append)
    held_out = found.result["episodes"]
    assert held_out in "0123"
    assert notices == [f"imagining the 1 episodes that training held out ({held_out})"]


def test_an_episode_is_held_out_if_neither_the_world_nor_its_decoder_saw_it(folder):
    data = Dataset(folder / "data")
    provenance = read_config(folder / "decoded")[0].provenance
    (held_out,) = read_config(folder / "world")[0].provenance["held_out"]
    assert [one["held_out"] for one in provenance["part_runs"]] == [[held_out]]
    assert find_training(provenance, data).held_out == ()  # the decoder saw all
    split = {**provenance, "held_out": [[0, 1, 2, 3]]}
    assert find_training(split, data).held_out == tuple(held_out)
    assert find_training({**split, "data": []}, data).held_out == tuple(held_out)


def test_episodes_shorter_than_a_stride_are_refused(folder, tmp_path, monkeypatch):
    world, identity = load_world(folder / "world")
    world.stride = 50
    monkeypatch.setattr("praxia.evaluation.imagination.load_world", lambda path, device: (world, identity))
    with pytest.raises(DataError, match="expected an episode of more than 50 frames"):
        imagine_episodes(folder / "world", str(folder / "data"), episodes="0")


def test_a_world_that_sees_more_than_images_is_refused(folder, monkeypatch):
    monkeypatch.setattr("praxia.evaluation.imagination.load_world", lambda path, device: (PointWorld(), None))
    with pytest.raises(MismatchError, match="sees images alone, got one that sees 'state'"):
        imagine_episodes(folder / "world", str(folder / "data"))


def test_data_that_are_read_as_video_are_refused(folder, tmp_path):
    mixture = {"parts": [{"data": str(folder / "data"), "actions": False}]}
    (tmp_path / "video.json").write_text(json.dumps(mixture))
    with pytest.raises(MismatchError, match=r"expected recorded actions to imagine, got .*video\.json"):
        imagine_episodes(folder / "world", str(tmp_path / "video.json"))
