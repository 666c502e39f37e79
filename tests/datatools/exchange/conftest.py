"""Sources as other projects write them, made with h5py and zarr alone; images encode (camera, episode, frame)."""

import io
import json

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from exchange_testing import EPISODES, INSTRUCTION, LOW, length, values
from PIL import Image

BLOSC = numcodecs.Blosc(cname="zstd", clevel=5, shuffle=numcodecs.Blosc.BITSHUFFLE)


@pytest.fixture(scope="session")
def camera_images(synthetic):
    def make(camera, episode):
        return np.stack([synthetic.image(camera, episode, frame) for frame in range(length(episode))])

    return make


@pytest.fixture(scope="session")
def make_aloha(camera_images):
    """record_episodes.py: float32 arrays; with `compress` JPEGs that OpenCV took to be BGR, padded to one size."""

    def make(folder, *, episodes=EPISODES, compress=False, base=False):
        folder.mkdir(parents=True)
        for episode in episodes:
            with h5py.File(folder / f"episode_{episode}.hdf5", "w") as root:
                root.attrs["sim"] = False
                if compress:
                    root.attrs["compress"] = True
                obs = root.create_group("observations")
                images = obs.create_group("images")
                sizes = []
                for camera in ("wrist", "front"):
                    frames = camera_images(camera, episode)
                    if not compress:
                        images.create_dataset(camera, data=frames, dtype="uint8", chunks=(1, *frames.shape[1:]))
                        continue
                    coded = [_jpeg(frame[..., ::-1]) for frame in frames]
                    sizes.append([len(data) for data in coded])
                    padded = np.zeros((len(coded), 60_000), np.uint8)
                    for row, data in zip(padded, coded, strict=True):
                        row[: len(data)] = np.frombuffer(data, np.uint8)
                    images.create_dataset(camera, data=padded)
                for name in ("qpos", "qvel", "effort"):
                    obs.create_dataset(name, (length(episode), 14), "f4")[...] = values(name, episode, 14)
                root.create_dataset("action", (length(episode), 14), "f4")[...] = values("action", episode, 14)
                if base:
                    root.create_dataset("base_action", (length(episode), 2), "f4")[...] = values("base", episode, 2)
                if compress:
                    root.create_dataset("compress_len", np.shape(sizes), "f4")[...] = sizes
        return folder

    return make


def _jpeg(image):
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


ROBOSUITE = {
    "env_name": "Lift",
    "type": 1,
    "env_type": 1,
    "env_kwargs": {"control_freq": 20, "controller_configs": {"type": "OSC_POSE", "control_delta": True}},
}


@pytest.fixture(scope="session")
def make_robomimic(camera_images):
    """dataset_states_to_obs.py; demos 2, 5, 8, ... never get a reward."""

    def make(path, *, episodes=EPISODES, env_args=ROBOSUITE, cameras=("front", "wrist")):
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            data = file.create_group("data")
            for episode in episodes:
                n, demo = length(episode), data.create_group(f"demo_{episode}")
                demo.create_dataset("actions", data=np.clip(values("action", episode, 7), -1, 1))
                demo.create_dataset("states", data=values("states", episode, 32))
                reward = np.zeros(n)
                reward[-2:] = episode % 3 != 2
                demo.create_dataset("rewards", data=reward)
                demo.create_dataset("dones", data=reward.astype(int))
                for key, dims in LOW.items():
                    demo.create_dataset(f"obs/{key}", data=values(key, episode, dims))
                for camera in cameras:
                    demo.create_dataset(f"obs/{camera}_image", data=camera_images(camera, episode), compression="gzip")
                    demo.create_dataset(f"next_obs/{camera}_image", data=camera_images(camera, episode))
                demo.attrs["num_samples"] = n
                demo.attrs["model_file"] = "<mujoco/>"
            data.attrs["total"] = sum(map(length, episodes))
            data.attrs["env_args"] = json.dumps(env_args)
            file.create_dataset("mask/valid", data=np.array([b"demo_10", b"demo_2"]))
        return path

    return make


@pytest.fixture(scope="session")
def make_pusht(camera_images):
    """demo_pusht.py through replay_buffer.py: zarr format 2, images as float32 from 0 to 255."""

    def make(store, *, episodes=EPISODES, state=5, keypoint=True):
        root = zarr.open_group(store, mode="w", zarr_format=2)
        data, meta = root.create_group("data"), root.create_group("meta")

        def add(name, rows, chunk):
            rows = np.concatenate(rows).astype(np.float32)
            data.create_array(name, data=rows, chunks=(chunk, *rows.shape[1:]), compressors=BLOSC)

        add("img", [camera_images("front", episode) for episode in episodes], 7)
        add("state", [values("state", episode, state) for episode in episodes], 16)
        add("action", [values("action", episode, 2) for episode in episodes], 16)
        if keypoint:
            add("keypoint", [values("keypoint", episode, 18).reshape(-1, 9, 2) for episode in episodes], 16)
        meta.create_array("episode_ends", data=np.cumsum([length(episode) for episode in episodes]))
        return store

    return make


@pytest.fixture(scope="session")
def aloha(make_aloha, tmp_path_factory):
    """Read-only."""
    return make_aloha(tmp_path_factory.mktemp("source") / "sim_transfer_cube")


@pytest.fixture(scope="session")
def robomimic(make_robomimic, tmp_path_factory):
    """Read-only."""
    return make_robomimic(tmp_path_factory.mktemp("source") / "image.hdf5")


@pytest.fixture(scope="session")
def pusht(make_pusht, tmp_path_factory):
    """Read-only."""
    return make_pusht(tmp_path_factory.mktemp("source") / "pusht_replay.zarr")


@pytest.fixture(scope="session")
def import_source():
    """Import with the given options; returns the result of `import_dataset`."""
    from praxia.datatools.exchange.importing import import_dataset, open_source
    from praxia.datatools.exchange.source import ImportOptions

    def do(format, path, out, *, resume=False, **options):
        options = ImportOptions(**({"instruction": INSTRUCTION} | options))
        return import_dataset(open_source(format, path, options), out, resume=resume)

    return do


@pytest.fixture(scope="session")
def check_images(synthetic):
    """Check every image of every episode; `names` maps our cameras to the synthetic ones."""

    def check(dataset, names, episodes=EPISODES):
        for camera, synthetic_camera in names.items():
            found = dataset.decode(camera, np.arange(dataset.num_frames))
            labels = [synthetic.read_label(image) for image in found]
            assert labels == [(synthetic_camera, e, t) for e in episodes for t in range(length(e))]
            wanted = np.concatenate([[synthetic.image(*at) for at in labels]])
            assert np.abs(found.astype(int) - wanted).mean() < 3, "colours"

    return check
