"""robomimic: reads one HDF5 file, `data/demo_N/{obs/KEY, actions, rewards, dones}` and `mask/NAME` lists of demos.

Import rules: a demo is any group with `actions`; demos come in the natural order of their names. The control rate is
`env_kwargs.control_freq` of the attribute `env_args`, the task its `env_name` or else the file's name, the instruction
`lang` of a demo's `ep_meta` (as RoboCasa writes it) or `env_kwargs.env_lang`. Images are the observations of shape [N,
Y, X, 3] uint8; a camera is named after its key without `_image`. The state is that of the published configs:
`robot0_eef_pos`, `robot0_eef_quat`, `robot0_gripper_qpos` (and those of `robot1`), and `object` if there are no images.
Actions are deltas if robosuite's controllers say so: `control_delta`, or since its version 1.5 `input_type` of the
parts of the robot. For robosuite's rewards, one of `reward_scale` (1) means success; otherwise success is unknown.
Where `dones` holds, the episode is terminated; robomimic may write it at success, at the end, or both.

Files of Praxia's exporter (`robomimic_export`) also carry embodiment, success and executed actions, which are restored.

Source: ARISE-Initiative/robomimic (docs/datasets/overview.md, scripts/dataset_states_to_obs.py, exps/templates),
ARISE-Initiative/robosuite (controllers/config).
"""

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
from praxia.datatools.exchange.hdf5 import Node, find, open_hdf5, read_rows
from praxia.datatools.exchange.source import (
    EpisodeSteps,
    ImportOptions,
    common_length,
    control_rate,
    fingerprint,
    natural_key,
    select,
)

__all__ = ["RobomimicDataset", "open_robomimic"]

FORMAT = "a robomimic data set"
ROBOSUITE = 1  # robomimic's EnvType
DEFAULT_STATE = tuple(f"robot{arm}_{key}" for arm in (0, 1) for key in ("eef_pos", "eef_quat", "gripper_qpos"))
EXTRA_ARRAYS = ("rewards", "dones", "successes", "terminated", "truncated", "executed_actions")
UNITS = {"eef_pos": "m", "gripper_qpos": "m", "joint_pos": "rad", "joint_vel": "rad/s"}


@dataclass(frozen=True)
class RobomimicDataset:
    """The demos of one file, or of one of its masks, in natural order."""

    path: Path
    demos: tuple[str, ...]
    images_of: dict[str, str]
    env_args: dict[str, Any]
    embodiment: Embodiment
    plan: dict[str, Any]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.demos)

    def steps(self, episode: int) -> EpisodeSteps:
        name = self.demos[episode]
        with open_hdf5(self.path) as file:
            demo = find(file, f"data/{name}", FORMAT)
            reward = _column(demo, "rewards")
            return EpisodeSteps(
                state=np.concatenate([read_rows(demo, f"obs/{key}", FORMAT) for key in self.plan["state"]], axis=1),
                action=read_rows(demo, "actions", FORMAT),
                instruction=_instruction(demo, self.env_args, self.plan["instruction"], str(self.path)),
                task=_task(demo, self.env_args, self.plan["task"]) or self.path.stem,
                origin={"file": self.path.name, "episode": name},
                executed_action=read_rows(demo, "executed_actions", FORMAT) if "executed_actions" in demo else None,
                reward=reward,
                success=_flags(demo, "successes", _robosuite_success(reward, self.env_args)),
                terminated=_flags(demo, "terminated", _flags(demo, "dones", None)),
                truncated=_flags(demo, "truncated", None),
            )

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        with open_hdf5(self.path) as file:
            return find(file, f"data/{self.demos[episode]}/obs/{self.images_of[camera]}", FORMAT)[rows]


def open_robomimic(source: Path, options: ImportOptions) -> RobomimicDataset:
    """Inspect a file.

    Raises:
        DataError: names file and demo: an array missing, of another size than in the first demo or of another length
            than the other arrays.
        PraxiaError: something that the file does not state was not given either.
    """
    with open_hdf5(source) as file:
        data = find(file, "data", FORMAT)
        env_args = _json(data, "env_args")
        demos = _demos(file, options.mask, source)
        first = find(data, demos[0], FORMAT)
        observations = find(first, "obs", FORMAT)
        known = _known_embodiment(env_args, source)
        image_keys = {key.removesuffix("_image"): key for key in observations if _is_image(observations[key])}
        available = _in_order(image_keys, known)
        cameras = select("camera", options.cameras, available, f"{source} {first.name}/obs")
        images_of = {name: image_keys[name] for name in cameras}
        low = [key for key in observations if observations[key].ndim <= 2]
        state = _state(options.state, low, known, bool(cameras), f"{source} {first.name}/obs")
        sizes = _sizes(first, state, tuple(images_of.values()))
        named = True
        for name in demos:
            _instruction(find(data, name, FORMAT), env_args, options.instruction, str(source))
            named = named and bool(_task(data[name], env_args, options.task))
            if (found := _sizes(data[name], state, tuple(images_of.values()))) != sizes:
                raise DataError(f"{source}: expected arrays in {name} as in {demos[0]}, {sizes}, got {found}")
        arrays = dict.fromkeys(key for name in demos for key in _arrays(data[name]))
        used = (*(f"obs/{key}" for key in (*state, *images_of.values())), "actions", *EXTRA_ARRAYS)
        left_out = [key for key in arrays if key not in used]
        left_out += [f"data/{name}" for name in data if not _is_demo(data[name])]
    fps = options.fps if options.fps is not None else _env_kwargs(env_args).get("control_freq")
    embodiment = _embodiment(known, sizes, state, images_of, env_args, control_rate(fps, str(source)))
    kinds = _controller_kinds(env_args)
    mixed = known is None and len(kinds) > 1
    rules = {
        "task": None if named else f"{source.stem}, the file's name",
        "order": None if all(re.fullmatch(r"demo_\d+", name) for name in demos) else "as the demos' names rise",
        "action": f"all of it {embodiment.action[0].kind}, of {' and '.join(sorted(kinds))}" if mixed else None,
    }
    plan = {
        "import": "robomimic",
        "source": fingerprint(source, [source]),
        "instruction": options.instruction,
        "task": options.task,
        "state": list(state),
        "mask": options.mask,
        "body": embodiment.to_json(),  # the key is part of the content hash
        "assumed": {name: text for name, text in rules.items() if text},
    }
    return RobomimicDataset(source, demos, images_of, env_args, embodiment, plan, tuple(left_out))


def _embodiment(
    known: Embodiment | None,
    sizes: dict[str, tuple[int, ...]],
    state: tuple[str, ...],
    images_of: dict[str, str],
    env_args: dict[str, Any],
    control_hz: float,
) -> Embodiment:
    declared = {field.name: field for field in known.state} if known else {}
    return Embodiment(
        name=known.name if known else "robomimic",
        state=tuple(declared.get(key, _field(key, int(np.prod(sizes[key])))) for key in state),
        action=known.action if known else (_action_field(sizes["actions"][0], env_args),),
        cameras=tuple(Camera(name, *sizes[key][:2]) for name, key in images_of.items()),
        control_hz=control_hz,
    )


def _demos(file: Node, mask: str | None, source: Path) -> tuple[str, ...]:
    demos = [name for name in file["data"] if _is_demo(file["data"][name])]
    if mask is not None:
        select("mask", (mask,), file.get("mask", ()), str(source))
        wanted = {name.decode() if isinstance(name, bytes) else str(name) for name in file["mask"][mask][()]}
        if missing := sorted(wanted - set(demos)):
            raise DataError(f"{source}: mask/{mask} lists demos that are not in data: {', '.join(missing[:3])}")
        demos = [name for name in demos if name in wanted]
    if not demos:
        found = ", ".join(list(file["data"])[:3]) or "nothing"
        raise DataError(f"expected demo_0, ... with actions in data of {source}, got {found}")
    return tuple(sorted(demos, key=natural_key))


def _arrays(demo: Node) -> list[str]:
    """The arrays of a demo, including each observation."""
    return [f"obs/{key}" for key in demo["obs"]] + [key for key in demo if key != "obs"]


def _is_demo(node: Node) -> bool:
    return hasattr(node, "keys") and "actions" in node


def _json(holder: Node, name: str) -> dict[str, Any]:
    """A JSON attribute; empty if it is absent or null."""
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
    """The embodiment that Praxia's exporter wrote beside robomimic's `env_args`."""
    if "praxia" not in env_args:
        return None
    try:
        return Embodiment.from_json(env_args["praxia"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: the embodiment in env_args is damaged ({error!r})") from error


def _in_order(cameras: Iterable[str], known: Embodiment | None) -> list[str]:
    """Cameras in the order of the embodiment; HDF5 lists names alphabetically."""
    order = [camera.name for camera in known.cameras] if known else []
    return sorted(cameras, key=lambda name: order.index(name) if name in order else len(order))


def _state(
    wanted: tuple[str, ...], low: list[str], known: Embodiment | None, has_images: bool, where: str
) -> tuple[str, ...]:
    if wanted:
        return select("array of the state", wanted, low, where)
    if known:
        return select("array of the state", tuple(part.name for part in known.state), low, where)
    usual = [key for key in (*DEFAULT_STATE, *(() if has_images else ("object",))) if key in low]
    if not usual:
        raise PraxiaError(
            f"{where} has none of {', '.join(DEFAULT_STATE[:3])}; choose with --state from {', '.join(low)}"
        )
    return tuple(usual)


def _is_image(array: Node) -> bool:
    return array.ndim == 4 and array.dtype == np.uint8 and array.shape[-1] == 3


def _sizes(demo: Node, state: tuple[str, ...], images: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of one row of every imported array; checks that all have the same number of rows."""
    arrays = {key: find(demo, f"obs/{key}", FORMAT) for key in (*state, *images)}
    for key in images:
        if not _is_image(arrays[key]):
            raise DataError(f"{demo.file.filename}: expected uint8 [N, Y, X, 3] at {arrays[key].name}")
    arrays["actions"] = find(demo, "actions", FORMAT)
    lengths = {name: len(array) for name, array in arrays.items()} | {
        k: len(demo[k]) for k in EXTRA_ARRAYS if k in demo
    }
    if "num_samples" in demo.attrs:
        lengths["num_samples"] = int(demo.attrs["num_samples"])
    common_length(lengths, f"{demo.file.filename} {demo.name}")
    return {name: array.shape[1:] for name, array in arrays.items()}


def _field(key: str, size: int) -> Field:
    name = re.sub(r"^robot\d_", "", key)
    kind: Kind = "gripper" if name == "gripper_qpos" else "velocity" if name.endswith("_vel") else "position"
    return Field(key, size, kind, UNITS.get(name, ""))


def _action_field(size: int, env_args: dict[str, Any]) -> Field:
    """Actions are normalized to [-1, 1] (robomimic's convention); deltas if robosuite's controller says so."""
    kinds = _controller_kinds(env_args)
    if not kinds or "position" in kinds:
        return Field("action", size, "position", "")
    return Field("action", size, "delta" if "delta" in kinds else kinds.pop(), "", low=-1.0, high=1.0)


def _controller_kinds(env_args: dict[str, Any]) -> set[Kind]:
    """The kinds of action that robosuite's controllers take, over all robots and their parts."""
    found: set[Kind] = set()
    pending: list[Any] = [_env_kwargs(env_args).get("controller_configs")]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            is_delta = value.get("control_delta", {"delta": True, "absolute": False}.get(str(value.get("input_type"))))
            if (kind := str(value.get("type")).removeprefix("JOINT_").lower()) in ("velocity", "torque"):
                found.add(kind)
            elif is_delta is not None:
                found.add("delta" if is_delta else "position")
        pending += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found


def _env_kwargs(env_args: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the environment; empty for real robots."""
    found = env_args.get("env_kwargs")
    return found if isinstance(found, dict) else {}


def _meta(demo: Node) -> dict[str, Any]:
    return _json(demo, "ep_meta")


def _instruction(demo: Node, env_args: dict[str, Any], given: str | None, where: str) -> str:
    if given is not None:
        return given
    lang = _meta(demo).get("lang")
    if found := lang or _env_kwargs(env_args).get("env_lang"):
        return found
    if lang == "" and "praxia" in env_args:  # an export by Praxia without an instruction
        return lang
    raise PraxiaError(f"{where} has no instruction for {demo.name}; give one with --instruction")


def _task(demo: Node, env_args: dict[str, Any], given: str | None) -> str | None:
    return given or _meta(demo).get("task") or env_args.get("env_name")


def _column(demo: Node, key: str) -> np.ndarray | None:
    return read_rows(demo, key, FORMAT)[:, 0] if key in demo else None


def _flags(demo: Node, key: str, otherwise: np.ndarray | None) -> np.ndarray | None:
    values = _column(demo, key)
    return otherwise if values is None else values.astype(bool)


def _robosuite_success(reward: np.ndarray | None, env_args: dict[str, Any]) -> np.ndarray | None:
    if reward is None or env_args.get("env_type") != ROBOSUITE:
        return None
    scale = _env_kwargs(env_args).get("reward_scale") or 1.0
    return reward >= scale - 1e-6
