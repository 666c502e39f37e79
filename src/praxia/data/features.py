"""LeRobot's feature declarations <-> our embodiment."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from praxia.core.types import Camera, Embodiment, Field
from praxia.data.layout import image_key
from praxia.data.video import CODEC, PIXEL_FORMAT

__all__ = [
    "INDEX_FEATURES",
    "PICTURES",
    "camera_name",
    "cameras_of",
    "dim_names",
    "embodiment_of",
    "features_of",
    "frames_per_second",
    "picture_size",
]

# What features that hold pictures are declared as: in a video, or one by one in the data files.
PICTURES = ("video", "image")

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


def cameras_of(features: Mapping[str, Any]) -> dict[str, str]:
    """The image features by our short name; by their own where two would have one name."""
    keys = [key for key, feature in features.items() if feature["dtype"] in PICTURES]
    short = [camera_name(key) for key in keys]
    return {name if short.count(name) == 1 else key: key for name, key in zip(short, keys, strict=True)}


def picture_size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of a feature's pictures; older writers declare the channels first.

    Raises:
        ValueError: it declares no picture in colour.
    """
    shape = tuple(int(size) for size in feature["shape"])
    if len(shape) == 3 and shape[2] == 3:
        return shape[:2]
    if len(shape) == 3 and shape[0] == 3:
        return shape[1:]
    raise ValueError(f"expected pictures of shape (height, width, 3), got {shape}")


def dim_names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """As info.json names a feature's dims, in a list or (older writers) a list within {"motors": [...]} or [[...]].

    None are named where the list has another length.
    """
    names = feature.get("names")
    if isinstance(names, Mapping):
        names = list(names.values())
    if isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        (names,) = names
    if not isinstance(names, list) or len(names) != math.prod(feature["shape"]):
        return ()
    return tuple(names) if all(isinstance(name, str) for name in names) else ()


def embodiment_of(info: Mapping[str, Any]) -> Embodiment:
    """What info.json of another writer tells about the body: sizes and rates, no units and no ranges."""
    features = info["features"]

    def vector(key: str) -> tuple[Field, ...]:
        size = math.prod(features[key]["shape"]) if key in features else 0
        named = dim_names(features[key]) if size else ()
        return (Field(key.removeprefix("observation."), size, "position", "", dims=named),) if size else ()

    cameras = tuple(Camera(name, *picture_size(features[key])) for name, key in cameras_of(features).items())
    name = info.get("robot_type") or "unknown"
    return Embodiment(name, vector("observation.state"), vector("action"), cameras, float(Fraction(info["fps"])))
