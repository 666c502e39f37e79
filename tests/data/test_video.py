import io
from fractions import Fraction

import av
import numpy as np
import pytest
from scheduling import usual_priority

from praxia.data.readers import VideoReader
from praxia.data.video import concatenate, encode


def scene(n, seed=0):
    """Smooth coloured images with hard edges, as a renderer draws them."""
    y, x = np.mgrid[0:64, 0:64] / 64
    frames = []
    for t in range(n):
        ball = (x - 0.5 - 0.01 * t) ** 2 + (y - 0.4 - 0.1 * seed) ** 2 < 0.03
        red = np.where(ball, 0.9, 0.3 + 0.4 * x)
        green = np.where(ball, 0.1, 0.5 * y + 0.2)
        frames.append(np.stack([red, green, np.where(ball, 0.15, 0.6 - 0.4 * x * y)], axis=-1))
    return (np.stack(frames) * 255).astype(np.uint8)


def written(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def decoded(path, numbers, fps):
    return np.stack(list(VideoReader(path, fps, (64, 64), (64, 64)).read(np.asarray(numbers))))


def test_images_survive(tmp_path):
    frames = scene(12)
    read = decoded(written(tmp_path, "a.mp4", encode(frames, 80.0)), range(12), 80.0)
    error = ((read.astype(float) - frames) ** 2).mean(axis=(1, 2, 3))
    assert (10 * np.log10(255**2 / error)).min() > 38


def test_the_same_images_give_the_same_bytes():
    assert encode(scene(9), 80.0) == encode(scene(9), 80.0)


@pytest.mark.parametrize("fps", [80.0, 10.0, 30.0, 29.97, 12.5])
def test_joined_files_keep_time_exactly(tmp_path, fps):
    lengths = [1, 7, 2, 30, 5]
    parts = [scene(n, seed) for seed, n in enumerate(lengths)]
    files = [written(tmp_path, f"{i}.mp4", encode(part, fps)) for i, part in enumerate(parts)]
    target = io.BytesIO()
    assert concatenate(files, target, fps) == sum(lengths)
    joined = written(tmp_path, "all.mp4", target.getvalue())
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(joined)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
        assert stream.average_rate == rate
        assert stream.frames == sum(lengths)
    assert times == [n / rate for n in range(sum(lengths))]
    alone = np.concatenate([decoded(file, range(n), fps) for file, n in zip(files, lengths, strict=True)])
    np.testing.assert_array_equal(decoded(joined, range(sum(lengths)), fps), alone)
    numbers = [0, 1, 8, 9, 10, 31, 44]
    np.testing.assert_array_equal(decoded(joined, numbers, fps), alone[numbers])


def test_files_of_other_settings_are_not_joined(tmp_path):
    files = [written(tmp_path, f"{i}.mp4", encode(scene(3)[:, :size], 80.0)) for i, size in enumerate((64, 32))]
    with pytest.raises(AssertionError, match="encoded with other settings"):
        concatenate(files, io.BytesIO(), 80.0)


def test_streams_that_pyav_decodes_by_another_library_are_joined(tmp_path):
    """AV1: its decoder, libdav1d, has no encoder of that name to copy the settings of a stream into."""
    files = []
    for number in range(2):
        with usual_priority(), av.open(str(tmp_path / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("libsvtav1", rate=30, options={"g": "2", "crf": "30", "preset": "12"})
            stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
            for image in scene(3 + number, number):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        files.append(tmp_path / f"{number}.mp4")
    target = io.BytesIO()
    assert concatenate(files, target, 30.0) == 7
    alone, joined = [], []
    for found, paths in ((alone, files), (joined, [written(tmp_path, "all.mp4", target.getvalue())])):
        for path in paths:
            with av.open(str(path)) as container:
                found += [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    np.testing.assert_array_equal(joined, alone)
