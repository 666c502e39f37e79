import av
import numpy as np
import pytest
from PIL import Image

from praxia.data import readers
from praxia.data.readers import VideoReader

# x264's open groups of images: to its decoder, what begins at such a key frame looks damaged.
OPEN = ("libx264", {"x264-params": "keyint=10:open-gop=1:bframes=3:b-adapt=0:scenecut=0"})


def test_images_around_key_frames_that_later_ones_refer_past(tmp_path, foreign, synthetic, monkeypatch):
    monkeypatch.setitem(foreign.CODECS, "open", OPEN)
    path = tmp_path / "open.mp4"
    path.write_bytes(foreign.encode([synthetic.image("front", 0, frame) for frame in range(60)], "open"))
    video = VideoReader(path, float(foreign.FPS), (64, 64), (64, 64))
    for frame in np.random.default_rng(0).permutation(60).tolist():
        (image,) = video.read(np.array([frame]))
        assert synthetic.read_label(image) == ("front", 0, frame)


@pytest.mark.parametrize("codec", ["av1", "h264"])
def test_an_image_of_a_video_is_scaled_as_one_of_a_robot_is(tmp_path, foreign, codec):
    """Pixel by pixel the mean of the decoded colours: a policy sees at inference what it was trained on."""
    draw = np.random.default_rng(0)
    large = [draw.integers(0, 256, (24, 32, 3), np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(2)]
    path = tmp_path / "large.mp4"
    path.write_bytes(foreign.encode(large, codec))
    full = VideoReader(path, float(foreign.FPS), (240, 320), (240, 320)).read(np.arange(2))
    small = VideoReader(path, float(foreign.FPS), (240, 320), (64, 64)).read(np.arange(2))
    for image, scaled in zip(full, small, strict=True):
        means = image.reshape(48, 5, 64, 5, 3).mean((1, 3))
        assert np.abs(scaled[8:56] - means).max() <= 1  # rounded twice, by rows and columns
        assert not scaled[:8].any()
        assert not scaled[56:].any()
        np.testing.assert_array_equal(scaled[8:56], np.asarray(Image.fromarray(image).resize((64, 48), Image.BOX)))


@pytest.mark.parametrize("codec", ["av1", "h264", "hevc", "h264-long", "open"])
def test_an_older_library_finds_the_same_key_frames_by_reading_the_packets(
    tmp_path, foreign, synthetic, monkeypatch, codec
):
    monkeypatch.setitem(foreign.CODECS, "open", OPEN)
    path = tmp_path / "video.mp4"
    path.write_bytes(foreign.encode([synthetic.image("front", 0, frame) for frame in range(60)], codec))
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        if not hasattr(stream, "index_entries"):
            pytest.skip("this PyAV does not show the index")
        indexed = readers._read_index(stream)
        read = readers._read_packets(stream)
    np.testing.assert_array_equal(indexed[0], read[0])
    np.testing.assert_array_equal(indexed[1], read[1])
    monkeypatch.setattr(readers, "_read_index", readers._read_packets)
    video = VideoReader(path, float(foreign.FPS), (64, 64), (64, 64))
    for frame in np.random.default_rng(0).permutation(60).tolist():
        (image,) = video.read(np.array([frame]))
        assert synthetic.read_label(image) == ("front", 0, frame)
