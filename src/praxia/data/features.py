"""LeRobot's feature declarations <-> our embodiment."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from praxia.core.types import Camera, Embodiment, Field
from praxia.data.layout import image_key
from praxia.data.video import CODEC, PIXEL_FORMAT

__all__ = ["INDEX_FEATURES", "camera_name", "embodiment_of", "features_of", "frames_per_second"]

INDEX_FEATURES = ("timestamp", "frame_index", "episode_index", "index", "task_index")
OUTCOMES = {
    "next.reward": "float32",
    "next.success": "bool",
    "next.terminated": "bool",
    "next.truncated": "bool",
    "next.done": "bool",
}


def frames_per_second(embodiment: Embodiment) -> int | float:
    """The control rate as info.json holds it: whole where it is whole."""
    rate = embodiment.control_hz
    return int(rate) if float(rate).is_integer() else rate


def features_of(embodiment: Embodiment) -> dict[str, dict[str, Any]]:
    """The "features" of info.json for episodes of `embodiment`, in column order."""
    fps = frames_per_second(embodiment)
    declared = {image_key(camera.name): _video(camera, fps) for camera in embodiment.cameras}
    declared["observation.state"] = _vector(embodiment.state)
    declared["action"] = _vector(embodiment.action)
    declared["action.executed"] = _vector(embodiment.action)
    for name, dtype in OUTCOMES.items():
        declared[name] = {"dtype": dtype, "shape": [1], "names": None}
    for name in INDEX_FEATURES:
        dtype = "float32" if name == "timestamp" else "int64"
        declared[name] = {"dtype": dtype, "shape": [1], "names": None}
    return declared


def _vector(fields: tuple[Field, ...]) -> dict[str, Any]:
    names = [f"{part.name}.{i}" if part.size > 1 else part.name for part in fields for i in range(part.size)]
    return {"dtype": "float32", "shape": [len(names)], "names": names}


def _video(camera: Camera, fps: int | float) -> dict[str, Any]:
    return {
        "dtype": "video",
        "shape": [camera.height, camera.width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": camera.height,
            "video.width": camera.width,
            "video.codec": CODEC,
            "video.pix_fmt": PIXEL_FORMAT,
            "video.is_depth_map": False,
            "video.fps": fps,
            "video.channels": 3,
            "has_audio": False,
        },
    }


def camera_name(key: str) -> str:
    """Our short name of an image feature: the inverse of `image_key`, and sensible for other writers' keys."""
    return key.removeprefix("observation.images.").removeprefix("observation.")


def embodiment_of(info: Mapping[str, Any]) -> Embodiment:
    """What info.json of another writer tells about the body: sizes and rates, no units and no ranges."""
    features = info["features"]

    def vector(key: str) -> tuple[Field, ...]:
        size = features[key]["shape"][0] if key in features else 0
        return (Field(key.removeprefix("observation."), size, "position", ""),) if size else ()

    cameras = tuple(
        Camera(camera_name(key), feature["shape"][0], feature["shape"][1])
        for key, feature in features.items()
        if feature["dtype"] == "video"
    )
    name = info.get("robot_type") or "unknown"
    return Embodiment(name, vector("observation.state"), vector("action"), cameras, float(Fraction(info["fps"])))
