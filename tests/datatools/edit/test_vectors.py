"""Vectors that a writer split, or whose joints are in another order."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.datatools.check.dataset import check
from praxia.datatools.edit.operations import join, merge, rename, reorder, trim
from praxia.datatools.survey import survey

JOINTS = ("pan", "lift", "grip")
WINDOW = Window({"state": (0,)}, horizon=2)
HUGGINGFACE = {"info": {"features": {"action": {"feature": {"dtype": "float32", "_type": "Value"}, "length": 3}}}}


@pytest.fixture
def written(foreign):
    """Write a foreign data set: an action with dims of these names, or (`split`) in parts {feature: dims}."""

    def write(root, names=JOINTS, order=(0, 1, 2), split=None, state="observation.state"):
        foreign.write(root, codec=None, episodes=range(3), per_file=2)
        info = json.loads((root / "meta/info.json").read_text())
        declared = info["features"].pop("action")
        state_declared = info["features"].pop("observation.state")
        info["features"][state] = state_declared
        parts = split or {"action": range(3)}
        for name, dims in parts.items():
            own = None if names is None else [names[at] for at in dims]
            info["features"][name] = {**declared, "shape": [len(dims)], "names": own}
        (root / "meta/info.json").write_text(json.dumps(info))
        values = []
        for path in sorted((root / "data").rglob("*.parquet")):
            rows = pq.read_table(path)
            action = np.array(rows["action"].to_pylist(), np.float32)[:, list(order)]
            values.append(action)
            rows = rows.drop_columns(["action"])
            rows = rows.rename_columns([state if name == "observation.state" else name for name in rows.column_names])
            for name, dims in parts.items():
                own = action[:, list(dims)]
                column = own[:, 0] if len(dims) == 1 else pa.FixedSizeListArray.from_arrays(own.ravel(), len(dims))
                rows = rows.append_column(name, pa.array(column))
            metadata = {} if split else {"huggingface": json.dumps(HUGGINGFACE)}
            pq.write_table(rows.replace_schema_metadata(metadata), path)
        table = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet")
        for name in parts:
            table = table.append_column(f"stats/{name}/mean", pa.array([[0.0]] * table.num_rows))
        pq.write_table(table, root / "meta/episodes/chunk-000/file-000.parquet")
        return np.concatenate(values)

    return write


def test_parts_are_joined_to_one_vector(tmp_path, written):
    split = {"action.arm": (0, 1), "action.gripper": (2,)}
    action = written(tmp_path / "split", names=None, split=split)
    join(tmp_path / "split", tmp_path / "out", features={"action": ["action.arm", "action.gripper"]})
    assert check(tmp_path / "out")["ok"]
    joined = Dataset(tmp_path / "out")
    np.testing.assert_array_equal(joined.column("action"), action)
    assert joined.info["features"]["action"] == {
        "dtype": "float32",
        "shape": [3],
        "names": ["arm.0", "arm.1", "gripper"],
    }
    assert not set(joined.info["features"]) & set(split)
    np.testing.assert_allclose(joined.stats["action"]["mean"], action.mean(0), rtol=1e-5)
    table = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet")
    assert not [name for name in table.column_names if name.startswith("stats/action.")]
    own = np.split(action, joined.episodes.first[1:])
    np.testing.assert_allclose(table["stats/action/mean"].to_pylist(), [rows.mean(0) for rows in own], rtol=1e-5)


def test_a_reordered_data_set_can_be_mixed(tmp_path, written):
    turned = ("grip", "pan", "lift")
    action = written(tmp_path / "a")
    written(tmp_path / "b", names=turned, order=(2, 0, 1))
    a, b = tmp_path / "a", tmp_path / "b"
    result = f"praxia data edit reorder {b} --like {a}"
    for refuses in (
        lambda: MixtureConfig.of([a, b]).open(WINDOW),
        lambda: survey([(Dataset(one), range(3)) for one in (a, b)]),
        lambda: merge([a, b], tmp_path / "merged"),
    ):
        with pytest.raises(MismatchError, match=r"'pan'.*'grip'") as caught:
            refuses()
        assert result in str(caught.value)
    reorder(b, a, tmp_path / "out")
    assert check(tmp_path / "out")["ok"]
    again = Dataset(tmp_path / "out")
    np.testing.assert_array_equal(again.column("action"), action)
    np.testing.assert_allclose(again.stats["action"]["mean"], action.mean(0), rtol=1e-5)
    metadata = json.loads(pq.read_schema(tmp_path / "out/data/chunk-000/file-000.parquet").metadata[b"huggingface"])
    assert metadata["info"]["features"]["action"]["length"] == 3
    MixtureConfig.of([a, tmp_path / "out"]).open(WINDOW)
    merge([a, tmp_path / "out"], tmp_path / "merged")
    with pytest.raises(PraxiaError, match="nothing to reorder"):
        reorder(a, a, tmp_path / "none")


def test_unnamed_dims_match_any_names(tmp_path, written):
    roots = [tmp_path / name for name in ("unnamed", "a", "b")]
    for root, names in zip(roots, (None, JOINTS, JOINTS[::-1]), strict=True):
        written(root, names=names)
    combine_image_statistics = MixtureConfig.of(roots[:2]).open(WINDOW)
    assert combine_image_statistics.embodiments[0].action[0].dims == JOINTS
    survey([(Dataset(one), range(3)) for one in roots[:2]])
    with pytest.raises(MismatchError, match="another order"):  # though each of them fits the first
        MixtureConfig.of(roots).open(WINDOW)
    with pytest.raises(MismatchError, match="another order"):
        survey([(Dataset(one), range(3)) for one in roots])


def test_nesting_of_names_does_not_matter(tmp_path, written):
    a, b, c = (tmp_path / name for name in ("a", "b", "c of mine"))
    written(a)
    for root, names in ((b, JOINTS), (c, JOINTS[::-1])):
        written(root, names, order=[JOINTS.index(name) for name in names])
        info = json.loads((root / "meta/info.json").read_text())
        info["features"]["action"]["names"] = {"arm": list(names[:2]), "hand": [names[2]]}
        (root / "meta/info.json").write_text(json.dumps(info))
    assert merge([a, b], tmp_path / "merged")["episodes"] == 6
    way = f"praxia data edit reorder '{c}' --like {a} --out NEW"
    with pytest.raises(MismatchError, match=re.escape(way)):
        merge([a, c], tmp_path / "refused")
    with pytest.raises(MismatchError, match=re.escape(way)):
        MixtureConfig.of([a, c]).open(WINDOW)


@pytest.mark.parametrize(
    ("features", "result"),
    [
        ({}, "something to join"),
        ({"action": ["action.arm", "action.arm"]}, "each part once"),
        ({"action": ["action.arm", "action.hand"]}, "nearest: action.arm"),
        ({"action": ["action.arm", "timestamp"]}, "unknown feature 'timestamp'"),
        ({"observation.state": ["action.arm"]}, "no other feature"),
        ({"a/b": ["action.arm"]}, "without '/'"),
    ],
)
def test_invalid_joins(tmp_path, features, result, written):
    written(tmp_path / "split", split={"action.arm": (0, 1), "action.gripper": (2,)})
    with pytest.raises(PraxiaError, match=result):
        join(tmp_path / "split", tmp_path / "out", features=features)
    assert not (tmp_path / "out").exists()


def test_our_recordings_keep_their_vectors(multi_file, other_recording, tmp_path):
    with pytest.raises(PraxiaError, match="recorded by praxia"):
        join(multi_file, tmp_path / "out", features={"both": ["observation.state", "action"]})
    with pytest.raises(PraxiaError, match="recorded by praxia"):
        reorder(multi_file, other_recording, tmp_path / "out")


@pytest.mark.parametrize(
    ("state", "split", "command"),
    [
        ("state", {"actions": (0, 1, 2)}, "rename {root} --feature state=observation.state actions=action"),
        ("observation.qpos", None, "rename {root} --feature observation.qpos=observation.state"),
        ("joint_positions", None, "rename {root} --feature joint_positions=observation.state"),
        ("observations.state", None, "rename {root} --feature observations.state=observation.state"),
        ("observation.State", None, "rename {root} --feature observation.State=observation.state"),
        (
            "observation.state",
            {"action.arm": (0, 1), "action.gripper": (2,)},
            "join {root} --feature action=action.arm,action.gripper",
        ),
        (
            "state",
            {"actions.joint.position": (0, 1), "actions.effector.position": (2,)},
            "join {root} --feature observation.state=state action=actions.joint.position,actions.effector.position",
        ),
        ("what_is_it", None, "rename {root} --feature NAME=observation.state"),
    ],
)
def test_the_error_of_a_missing_vector_names_the_join_command(tmp_path, state, split, command, written):
    root = tmp_path / "set"
    written(root, names=None, split=split, state=state)
    with pytest.raises(DataError) as caught:
        MixtureConfig.of([root]).open(WINDOW)
    verb, _, rest = command.format(root=root).partition(" ")
    assert f"`praxia data edit {verb} {rest} --out NEW`" in str(caught.value)
    given = rest.partition("--feature ")[2].split()
    if "NAME" in command:
        return
    if verb == "rename":
        rename(root, tmp_path / "out", features=dict(one.split("=") for one in given))
    else:
        pairs = [one.split("=") for one in given]
        join(root, tmp_path / "out", features={new: parts.split(",") for new, parts in pairs})
    MixtureConfig.of([tmp_path / "out"]).open(WINDOW)


def test_trimming_without_a_state_names_the_join_command(tmp_path, written):
    written(tmp_path / "set", state="state")
    with pytest.raises(DataError, match=r"--feature state=observation\.state"):
        trim(tmp_path / "set", tmp_path / "out")
    with pytest.raises(UnknownName, match="nearest: state"):
        trim(tmp_path / "set", tmp_path / "out", features=("stat",))
