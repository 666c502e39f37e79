import numpy as np

from praxia.data.readers import VideoReader


def test_images_around_key_frames_that_later_ones_refer_past(tmp_path, foreign, synthetic, monkeypatch):
    """x264's open groups of images: to its decoder, what begins at such a key frame looks damaged."""
    options = {"x264-params": "keyint=10:open-gop=1:bframes=3:b-adapt=0:scenecut=0"}
    monkeypatch.setitem(foreign.CODECS, "open", ("libx264", options))
    path = tmp_path / "open.mp4"
    path.write_bytes(foreign.encode([synthetic.image("front", 0, frame) for frame in range(60)], "open"))
    video = VideoReader(path, float(foreign.FPS), (64, 64), (64, 64))
    for frame in np.random.default_rng(0).permutation(60).tolist():
        (image,) = video.read(np.array([frame]))
        assert synthetic.read_label(image) == ("front", 0, frame)
