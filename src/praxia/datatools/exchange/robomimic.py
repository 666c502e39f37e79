"""Robomimic"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Camera, Embodiment, Field, Kind
from praxia.core.errors import DataError, PraxiaError
from praxia.data.dataset import Dataset
from praxia.data.outcomes import outcomes
from praxia.datatools.exchange.episodes import Exported, Recorded, Report, dims, recorded
from praxia.datatools.exchange.hdf5 import Node, find, new_file, numbers, opened
from praxia.datatools.exchange.source import Choice, Steps, by_number, chosen, fingerprint, rate, same_length

__all__ = ["Robomimic", "open_robomimic", "write_robomimic"]

KIND = "a robomimic data set"
ROBOSUITE = 1  # robomimic's EnvType
USUAL = tuple(f"robot{arm}_{key}" for arm in (0, 1) for key in ("eef_pos", "eef_quat", "gripper_qpos"))
BESIDE = ("rewards", "dones", "successes", "terminated", "truncated", "executed_actions")
UNITS = {"eef_pos": "m", "gripper_qpos": "m", "joint_pos": "rad", "joint_vel": "rad/s"}
GYM = 2  # robomimic's EnvType
LOST = ("simulator states", "starts", "provenance")
# Our features that robomimic has no name for: ours, the name in the file, and its type there.
EXTRA_COLUMNS = {
    "action.executed": ("executed_actions", np.float32),
    "next.success": ("successes", np.uint8),
    "next.terminated": ("terminated", np.uint8),
    "next.truncated": ("truncated", np.uint8),
}


@dataclass(frozen=True)
class Robomimic:
    """The demos of one file, or of one of its masks, in the order of their numbers."""

    path: Path
    demos: tuple[str, ...]
    images_of: dict[str, str]
    env_args: dict[str, Any]
    embodiment: Embodiment
    plan: dict[str, Any]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.demos)

    def steps(self, episode: int) -> Steps:
        name = self.demos[episode]
        with opened(self.path) as file:
            demo = find(file, f"data/{name}", KIND)
            reward = _column(demo, "rewards")
            return Steps(
                state=np.concatenate([numbers(demo, f"obs/{key}", KIND) for key in self.plan["state"]], axis=1),
                action=numbers(demo, "actions", KIND),
                instruction=_instruction(demo, self.env_args, self.plan["instruction"], str(self.path)),
                task=_task(demo, self.env_args, self.plan["task"]) or self.path.stem,
                origin={"file": self.path.name, "episode": name},
                executed_action=numbers(demo, "executed_actions", KIND) if "executed_actions" in demo else None,
                reward=reward,
                success=_truth(demo, "successes", _robosuite_success(reward, self.env_args)),
                terminated=_truth(demo, "terminated", _truth(demo, "dones", None)),
                truncated=_truth(demo, "truncated", None),
            )

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        with opened(self.path) as file:
            return find(file, f"data/{self.demos[episode]}/obs/{self.images_of[camera]}", KIND)[rows]


def open_robomimic(source: Path, choice: Choice) -> Robomimic:
    """Look through a file.

    Raises:
        DataError: naming file and demo: an array missing, of another size than in the first demo or of another length
            than its neighbours.
        PraxiaError: what the file does not say was not given either.
    """
    with opened(source) as file:
        data = find(file, "data", KIND)
        env_args = _json(data, "env_args")
        demos = _demos(file, choice.mask, source)
        first = find(data, demos[0], KIND)
        observations = find(first, "obs", KIND)
        known = _known_embodiment(env_args, source)
        image_keys = {key.removesuffix("_image"): key for key in observations if _is_image(observations[key])}
        there = _in_order(image_keys, known)
        cameras = chosen("camera", choice.cameras, there, f"{source} {first.name}/obs")
        images_of = {name: image_keys[name] for name in cameras}
        low = [key for key in observations if observations[key].ndim <= 2]
        state = _state(choice.state, low, known, bool(cameras), f"{source} {first.name}/obs")
        sizes = _sizes(first, state, tuple(images_of.values()))
        named = True
        for name in demos:
            _instruction(find(data, name, KIND), env_args, choice.instruction, str(source))
            named = named and bool(_task(data[name], env_args, choice.task))
            if (found := _sizes(data[name], state, tuple(images_of.values()))) != sizes:
                raise DataError(f"{source}: expected arrays in {name} as in {demos[0]}, {sizes}, got {found}")
        arrays = dict.fromkeys(key for name in demos for key in _arrays(data[name]))
        used = (*(f"obs/{key}" for key in (*state, *images_of.values())), "actions", *BESIDE)
        left_out = [key for key in arrays if key not in used]
        left_out += [f"data/{name}" for name in data if not _is_demo(data[name])]
    declared = {part.name: part for part in known.state} if known else {}
    embodiment = Embodiment(
        name=known.name if known else "robomimic",
        state=tuple(declared.get(key, _field(key, int(np.prod(sizes[key])))) for key in state),
        action=known.action if known else (_action_field(sizes["actions"][0], env_args),),
        cameras=tuple(Camera(name, *sizes[key][:2]) for name, key in images_of.items()),
        control_hz=rate(choice.fps if choice.fps is not None else _kwargs(env_args).get("control_freq"), str(source)),
    )
    mixed = known is None and len(_kinds(env_args)) > 1
    rules = {
        "task": None if named else f"{source.stem}, the file's name",
        "order": None if all(re.fullmatch(r"demo_\d+", name) for name in demos) else "as the demos' names rise",
        "action": f"all of it {embodiment.action[0].kind}, of {' and '.join(sorted(_kinds(env_args)))}"
        if mixed
        else None,
    }
    plan = {
        "import": "robomimic",
        "source": fingerprint(source, [source]),
        "instruction": choice.instruction,
        "task": choice.task,
        "state": list(state),
        "mask": choice.mask,
        "body": embodiment.to_json(),
        "assumed": {name: text for name, text in rules.items() if text},
    }
    return Robomimic(source, demos, images_of, env_args, embodiment, plan, tuple(left_out))


def _demos(file: Node, mask: str | None, source: Path) -> tuple[str, ...]:
    there = [name for name in file["data"] if _is_demo(file["data"][name])]
    if mask is not None:
        chosen("mask", (mask,), file.get("mask", ()), str(source))
        wanted = {name.decode() if isinstance(name, bytes) else str(name) for name in file["mask"][mask][()]}
        if missing := sorted(wanted - set(there)):
            raise DataError(f"{source}: mask/{mask} names demos that are not in data: {', '.join(missing[:3])}")
        there = [name for name in there if name in wanted]
    if not there:
        found = ", ".join(list(file["data"])[:3]) or "nothing"
        raise DataError(f"expected demo_0, ... with actions in data of {source}, got {found}")
    return tuple(sorted(there, key=by_number))


def _arrays(demo: Node) -> list[str]:
    """What a demo has, and of its observations each."""
    return [f"obs/{key}" for key in demo["obs"]] + [key for key in demo if key != "obs"]


def _is_demo(node: Node) -> bool:
    return hasattr(node, "keys") and "actions" in node


def _json(holder: Node, name: str) -> dict[str, Any]:
    """A JSON attribute; empty where it is absent, or says that there is nothing."""
    try:
        value = json.loads(holder.attrs.get(name, "{}"))
    except (ValueError, TypeError) as error:
        raise DataError(f"{holder.file.filename}: expected JSON in {name} of {holder.name} ({error})") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"{holder.file.filename}: expected a JSON object in {name} of {holder.name}, got {value!r}")
    return value


def _known_embodiment(env_args: dict[str, Any], source: Path) -> Embodiment | None:
    """The embodiment that our own exporter wrote beside robomimic's `env_args`."""
    if "praxia" not in env_args:
        return None
    try:
        return Embodiment.from_json(env_args["praxia"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: the embodiment in env_args is damaged ({error!r})") from error


def _in_order(cameras: Iterable[str], known: Embodiment | None) -> list[str]:
    """HDF5 lists names by the alphabet; an embodiment has an order of its own."""
    order = [camera.name for camera in known.cameras] if known else []
    return sorted(cameras, key=lambda name: order.index(name) if name in order else len(order))


def _state(
    wanted: tuple[str, ...], low: list[str], known: Embodiment | None, has_images: bool, where: str
) -> tuple[str, ...]:
    if wanted:
        return chosen("array of the state", wanted, low, where)
    if known:
        return chosen("array of the state", tuple(part.name for part in known.state), low, where)
    usual = [key for key in (*USUAL, *(() if has_images else ("object",))) if key in low]
    if not usual:
        raise PraxiaError(f"{where} has none of {', '.join(USUAL[:3])}; choose with --state from {', '.join(low)}")
    return tuple(usual)


def _is_image(array: Node) -> bool:
    return array.ndim == 4 and array.dtype == np.uint8 and array.shape[-1] == 3


def _sizes(demo: Node, state: tuple[str, ...], images: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of one row of every array that is imported, and that all have as many rows."""
    arrays = {key: find(demo, f"obs/{key}", KIND) for key in (*state, *images)}
    for key in images:
        if not _is_image(arrays[key]):
            raise DataError(f"{demo.file.filename}: expected uint8 [N, Y, X, 3] at {arrays[key].name}")
    arrays["actions"] = find(demo, "actions", KIND)
    lengths = {name: len(array) for name, array in arrays.items()} | {k: len(demo[k]) for k in BESIDE if k in demo}
    if "num_samples" in demo.attrs:
        lengths["num_samples"] = int(demo.attrs["num_samples"])
    same_length(lengths, f"{demo.file.filename} {demo.name}")
    return {name: array.shape[1:] for name, array in arrays.items()}


def _field(key: str, size: int) -> Field:
    name = re.sub(r"^robot\d_", "", key)
    kind: Kind = "gripper" if name == "gripper_qpos" else "velocity" if name.endswith("_vel") else "position"
    return Field(key, size, kind, UNITS.get(name, ""))


def _action_field(size: int, env_args: dict[str, Any]) -> Field:
    """Actions are normalised to [-1, 1] (robomimic's convention); deltas where robosuite's controller says so."""
    kinds = _kinds(env_args)
    if not kinds or "position" in kinds:
        return Field("action", size, "position", "")
    return Field("action", size, "delta" if "delta" in kinds else kinds.pop(), "", low=-1.0, high=1.0)


def _kinds(env_args: dict[str, Any]) -> set[Kind]:
    """What robosuite's controllers take, of all robots and of all parts of their embodiments that say it."""
    found: set[Kind] = set()
    waiting: list[Any] = [_kwargs(env_args).get("controller_configs")]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            told = one.get("control_delta", {"delta": True, "absolute": False}.get(str(one.get("input_type"))))
            if (kind := str(one.get("type")).removeprefix("JOINT_").lower()) in ("velocity", "torque"):
                found.add(kind)
            elif told is not None:
                found.add("delta" if told else "position")
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return found


def _kwargs(env_args: dict[str, Any]) -> dict[str, Any]:
    """What the environment was made with; nothing for real robots."""
    found = env_args.get("env_kwargs")
    return found if isinstance(found, dict) else {}


def _meta(demo: Node) -> dict[str, Any]:
    return _json(demo, "ep_meta")


def _instruction(demo: Node, env_args: dict[str, Any], said: str | None, where: str) -> str:
    if said is not None:
        return said
    told = _meta(demo).get("lang")
    if found := told or _kwargs(env_args).get("env_lang"):
        return found
    if told == "" and "praxia" in env_args:  # an export of ours: nothing was told
        return told
    raise PraxiaError(f"{where} does not say what the robot was told in {demo.name}; give it with --instruction")


def _task(demo: Node, env_args: dict[str, Any], said: str | None) -> str | None:
    return said or _meta(demo).get("task") or env_args.get("env_name")


def _column(demo: Node, key: str) -> np.ndarray | None:
    return numbers(demo, key, KIND)[:, 0] if key in demo else None


def _truth(demo: Node, key: str, otherwise: np.ndarray | None) -> np.ndarray | None:
    values = _column(demo, key)
    return otherwise if values is None else values.astype(bool)


def _robosuite_success(reward: np.ndarray | None, env_args: dict[str, Any]) -> np.ndarray | None:
    if reward is None or env_args.get("env_type") != ROBOSUITE:
        return None
    scale = _kwargs(env_args).get("reward_scale") or 1.0
    return reward >= scale - 1e-6


def write_robomimic(dataset: Dataset, target: Path, report: Report) -> Exported:
    """Write the file `target`.

    Raises:
        PraxiaError: h5py is not installed.
    """
    filled, successful, reached = {}, [], outcomes(dataset)
    with new_file(target) as (file, sink):
        data = file.create_group("data")
        for episode in recorded(dataset, report):
            demo = data.create_group(f"demo_{episode.number}")
            filled |= _write(demo, episode, is_known=reached[episode.number] is not None)
            sink.expect_room()
            if reached[episode.number]:
                successful.append(f"demo_{episode.number}".encode())
        data.attrs["total"] = dataset.num_frames
        tasks = sorted(set(dataset.episodes.task))
        env_args = {
            "env_name": tasks[0] if len(tasks) == 1 else dataset.embodiment.name,
            "env_type": GYM,
            "env_kwargs": {"control_freq": dataset.fps},
            "praxia": dataset.embodiment.to_json(),
        }
        data.attrs["env_args"] = json.dumps(env_args)
        file.create_dataset("mask/successful", data=np.array(successful, "S"))
    return Exported(LOST, filled)


def _write(demo: Node, episode: Recorded, *, is_known: bool) -> dict[str, str]:
    """One demo; what had to be made up. Steps of success are left out where it `is_known` of none."""
    embodiment, n = episode.dataset.embodiment, len(episode)
    filled = {}
    demo.attrs["num_samples"] = n
    meta = {"lang": episode.dataset.episodes.instruction[episode.number]}
    demo.attrs["ep_meta"] = json.dumps({**meta, "task": episode.dataset.episodes.task[episode.number]})
    if embodiment.state:
        for part, values in dims(episode.column("observation.state"), embodiment.state):
            demo.create_dataset(f"obs/{part.name}", data=values)
    for camera in embodiment.cameras:
        images = episode.images(camera.name)
        demo.create_dataset(f"obs/{camera.name}_image", data=images, chunks=(1, *images.shape[1:]), compression="gzip")
    demo.create_dataset("actions", data=episode.column("action"))
    demo.create_dataset("states", shape=(n, 0), dtype=np.float32)
    rewards, dones = np.zeros(n), np.zeros(n)
    if episode.has("next.reward"):
        rewards = episode.column("next.reward")[:, 0]
    else:
        filled["rewards"] = "0 in every step"
    if episode.has("next.done"):
        dones = episode.column("next.done")[:, 0]
    else:
        dones[-1] = 1
        filled["dones"] = "1 in the last step"
    demo.create_dataset("rewards", data=rewards)
    demo.create_dataset("dones", data=dones.astype(np.int64))
    for feature, (name, dtype) in EXTRA_COLUMNS.items():
        if episode.has(feature) and (is_known or name != "successes"):
            values = episode.column(feature).astype(dtype)
            demo.create_dataset(name, data=values if name == "executed_actions" else values[:, 0])
    return filled
