"""LeRobot's feature declarations and our embodiments."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, get_args

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field, Stream, StreamDType
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import ACTORS
from praxia.data.episode import Episode
from praxia.data.layout import image_key
from praxia.data.video import CODEC, PIXEL_FORMAT

__all__ = [
    "ACTOR",
    "IMAGE_DTYPES",
    "INDEX_FEATURES",
    "INTERVENTION",
    "NOISE_KEY",
    "TRAINING_FEATURES",
    "UNSAID",
    "camera_features",
    "camera_name",
    "camera_videos",
    "declared_dim_names",
    "embodiment_from_info",
    "extra_declarations",
    "extra_dtype",
    "extra_key",
    "feature_declarations",
    "feature_dim_names",
    "field_dim_names",
    "frames_per_second",
    "image_size",
    "stream_key",
    "stream_of",
    "unsupported_images",
]

# The dtypes of image features: in a video, or one by one in the data files.
IMAGE_DTYPES = ("video", "image")

# Grey, colour, colour with alpha.
CHANNELS = (1, 3, 4)
# Pixel formats of one channel of more than 8 bits, as depth has.
DEEP = re.compile(r"gray(9|1[0246]|32|f)")

INDEX_FEATURES = ("timestamp", "frame_index", "episode_index", "index", "task_index")
# The numeric features that training reads of every frame. Others may have missing or non-finite values.
TRAINING_FEATURES = ("observation.state", "action", *INDEX_FEATURES)
OUTCOMES = {
    "next.reward": "float32",
    "next.success": "bool",
    "next.terminated": "bool",
    "next.truncated": "bool",
    "next.done": "bool",
}


# Who chose the action of a step: the feature holds positions in `core.types.ACTORS`.
ACTOR = "actor"
# Whether it was somebody else than who drives in this episode, such as a person who takes over from a policy.
INTERVENTION = "intervention"
# The key on which the noise of an episode depended, a text, the same in all its steps.
NOISE_KEY = "noise_key"
# What a step has in an episode that does not say: features that need not be in all episodes of a data set.
UNSAID: dict[str, int | bool | str] = {ACTOR: ACTORS.index("policy"), INTERVENTION: False, NOISE_KEY: ""}


def extra_key(name: str) -> str:
    """The feature of an extra; LeRobot keeps interventions under their own name, and other numbers under this one."""
    return name if name == INTERVENTION else f"complementary_info.{name}"


def extra_dtype(values: np.ndarray) -> str:
    """As what an extra is stored: float32, bool or int64."""
    return {"f": "float32", "b": "bool"}.get(values.dtype.kind, "int64")


def extra_declarations(episode: Episode) -> dict[str, dict[str, Any]]:
    """The declarations of an episode's extras, actors and noise key; in a data set all but `UNSAID` are equal."""
    declared = {
        extra_key(name): {
            "dtype": extra_dtype(values),
            "shape": [math.prod(values.shape[1:])],
            "names": None,
        }
        for name, values in episode.extras.items()
    }
    if episode.actors:
        declared[ACTOR] = {"dtype": "int64", "shape": [1], "names": None}
    if episode.noise_key:
        declared[NOISE_KEY] = {"dtype": "string", "shape": [1], "names": None}
    return declared


def stream_key(name: str) -> str:
    """The feature of a named stream, an ordinary one of LeRobot's."""
    return f"observation.{name}"


def stream_of(features: Mapping[str, Any], embodiment: Embodiment, name: str) -> Stream:
    """The named stream of a data set: as its embodiment declares it or, without unit, as its features do.

    Raises:
        UnknownName: there is no such feature. MismatchError: it is none of numbers.
    """
    for declared in embodiment.streams:
        if declared.name == name:
            return declared
    numeric = [
        key.removeprefix("observation.")
        for key, one in features.items()
        if key.startswith("observation.")
        and key != "observation.state"
        and one["dtype"] not in (*IMAGE_DTYPES, "string")
    ]
    if stream_key(name) not in features:
        raise UnknownName("stream", name, numeric, "praxia data info DIR")
    feature = features[stream_key(name)]
    if name not in numeric or feature["dtype"] not in get_args(StreamDType):
        raise MismatchError(
            f"expected a stream of {', '.join(get_args(StreamDType))}, got {stream_key(name)!r} of {feature['dtype']}"
        )
    return Stream(name, tuple(feature["shape"]), feature["dtype"])


def frames_per_second(embodiment: Embodiment) -> int | float:
    """The control rate as in info.json: an integer if it is one."""
    rate = embodiment.control_hz
    return int(rate) if float(rate).is_integer() else rate


def feature_declarations(
    embodiment: Embodiment, extras: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """The "features" of info.json for episodes of `embodiment` with these `extras`, in column order."""
    fps = frames_per_second(embodiment)
    declared = {image_key(camera.name): _video(camera, fps) for camera in embodiment.cameras}
    declared["observation.state"] = _vector(embodiment.state)
    for one in embodiment.streams:
        declared[stream_key(one.name)] = {"dtype": one.dtype, "shape": list(one.shape), "names": None}
    declared["action"] = _vector(embodiment.action)
    declared["action.executed"] = _vector(embodiment.action)
    for name, dtype in OUTCOMES.items():
        declared[name] = {"dtype": dtype, "shape": [1], "names": None}
    declared |= extras or {}
    for name in INDEX_FEATURES:
        dtype = "float32" if name == "timestamp" else "int64"
        declared[name] = {"dtype": dtype, "shape": [1], "names": None}
    return declared


def field_dim_names(fields: Sequence[Field]) -> list[str]:
    """A name for each dim of a vector."""
    return [f"{one.name}.{i}" if one.size > 1 else one.name for one in fields for i in range(one.size)]


def _vector(fields: tuple[Field, ...]) -> dict[str, Any]:
    names = field_dim_names(fields)
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


def camera_features(features: Mapping[str, Any]) -> dict[str, str]:
    """The features that are cameras, by short name; by their own if two have the same short name."""
    keys = [
        key
        for key, feature in features.items()
        if feature["dtype"] in IMAGE_DTYPES and unsupported_images(key, feature) is None
    ]
    short = [camera_name(key) for key in keys]
    return {name if short.count(name) == 1 else key: key for name, key in zip(short, keys, strict=True)}


def camera_videos(features: Mapping[str, Any]) -> list[str]:
    """The video features that are cameras."""
    return [key for key in camera_features(features).values() if features[key]["dtype"] == "video"]


def unsupported_images(key: str, feature: Mapping[str, Any]) -> str | None:
    """What an image feature is if it is not read as a camera, for a message; None for a camera.

    Observations have colour images of 8 bits. Depth has one channel, and is declared as depth, has more than 8 bits in
    its pixel format or, with neither declared, is called depth; other features of one channel are grey cameras. Depth
    in three channels of 8 bits is an image like others.

    Raises:
        ValueError: its shape is not that of images.
    """
    channels = _image_shape(feature)[2]
    declarations = _declarations(feature)
    pixels = str(declarations.get("video.pix_fmt", declarations.get("pix_fmt", "")))
    declared = declarations.get("is_depth_map", declarations.get("video.is_depth_map"))
    named = declared is None and not pixels and "depth" in key.lower()
    if DEEP.match(pixels) or (channels == 1 and (declared or named)):
        return f"depth ({pixels})" if pixels else "depth"
    return None if channels in CHANNELS else f"images of {channels} channels"


def image_size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of a feature's images.

    Raises:
        ValueError: its shape is not that of images.
    """
    return _image_shape(feature)[:2]


def _image_shape(feature: Mapping[str, Any]) -> tuple[int, int, int]:
    """(height, width, channels), in whichever order they are declared: some writers have the channels first.

    The sizes decide, or the names if both ends could be channels.
    """
    shape, names = tuple(int(size) for size in feature["shape"]), feature.get("names")
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) != 3:
        raise ValueError(f"expected images of shape (height, width, channels), got {shape}")
    named = isinstance(names, list) and bool(names) and str(names[0]).startswith("channel")
    first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
    return (shape[1], shape[2], shape[0]) if (first and not last) or (named and first == last) else shape


def _declarations(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    """A feature with its "info" about images merged in."""
    declarations = feature.get("info") or feature.get("video_info") or {}
    return {**feature, **declarations} if isinstance(declarations, Mapping) else feature


def declared_dim_names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that info.json declares for a feature's dims; empty if there are not as many names as dims.

    They are in a list, in lists within {"arm": [...], "hand": [...]} or [[...]], or by position, {"x": 0, "y": 1}.
    """
    names = tuple(_listed(feature.get("names")))
    named = len(names) == math.prod(feature["shape"]) and all(isinstance(name, str) for name in names)
    return names if named else ()


def _listed(names: Any) -> Iterator[Any]:
    """The names within lists and mappings, flattened."""
    if isinstance(names, Mapping):
        values = list(names.values())
        if values and all(type(value) is int for value in values) and sorted(values) == list(range(len(values))):
            yield from sorted(names, key=lambda name: names[name])
            return
        names = values
    if not isinstance(names, list):
        yield names
        return
    for part in names:
        yield from _listed(part)


def feature_dim_names(name: str, feature: Mapping[str, Any]) -> list[str]:
    """A name for each dim of the feature `name`: as info.json declares, or by index."""
    size = math.prod(feature["shape"])
    return list(declared_dim_names(feature)) or ([name] if size == 1 else [f"{name}[{at}]" for at in range(size)])


def embodiment_from_info(info: Mapping[str, Any]) -> Embodiment:
    """The embodiment that another writer's info.json declares: sizes and rates, no units and no ranges."""
    features = info["features"]

    def vector(key: str) -> tuple[Field, ...]:
        size = math.prod(features[key]["shape"]) if key in features else 0
        named = declared_dim_names(features[key]) if size else ()
        return (Field(key.removeprefix("observation."), size, "position", "", dims=named),) if size else ()

    cameras = tuple(Camera(name, *image_size(features[key])) for name, key in camera_features(features).items())
    name = info.get("robot_type") or "unknown"
    return Embodiment(name, vector("observation.state"), vector("action"), cameras, float(Fraction(info["fps"])))
