import dataclasses
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from praxia.core.errors import DataError, TrainingError
from praxia.core.files import sha256_file
from praxia.nn.ema import Ema
from praxia.training import state as state_module
from praxia.training.parts import Part
from praxia.training.state import TrainState


def _not_migrated(tensors):
    raise AssertionError("a state of today has today's names")


def make_state(folder, seed):
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return TrainState(folder, model, Ema(model, 0.9), {"optimizer": optimizer}, _not_migrated)


def save(state, step):
    state.write(step, state.copied())


def saved(folder):
    return sorted(path.name for path in folder.iterdir())


def damage(path):
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_a_state_comes_back_and_only_the_last_two_are_kept(tmp_path):
    folder = tmp_path / "state"
    one = make_state(folder, 0)
    assert one.load() == 0
    for step in (3, 5, 7):
        save(one, step)
    assert saved(folder) == ["00000005", "00000007"]
    two = make_state(folder, 1)
    assert two.load() == 7
    for name, value in one.model.state_dict().items():
        assert torch.equal(two.model.state_dict()[name], value)
    ours, theirs = one.optimizers["optimizer"].state_dict()["state"], two.optimizers["optimizer"].state_dict()["state"]
    assert all(torch.equal(ours[i][key], theirs[i][key]) for i in ours for key in ours[i])


def test_a_copy_is_not_changed_by_later_steps(tmp_path):
    state = make_state(tmp_path / "state", 0)
    copied, before = state.copied(), {name: value.clone() for name, value in state.model.state_dict().items()}
    with torch.no_grad():
        for value in [*state.model.parameters(), *state.ema.state.values()]:
            value.add_(1)
    for entry in state.optimizers["optimizer"].state.values():
        entry["exp_avg"].add_(1)
    state.write(5, copied)
    again = make_state(tmp_path / "state", 1)
    assert again.load() == 5
    for name, value in before.items():
        assert torch.equal(again.model.state_dict()[name], value)


def test_a_kill_while_saving_leaves_the_state_before(tmp_path):
    state = make_state(tmp_path / "state", 0)
    save(state, 5)
    for left in (".00000007.123.partial", ".00000009.partial"):  # what a kill leaves, now and in the version before
        (tmp_path / "state" / left).mkdir()
    again = make_state(tmp_path / "state", 1)
    assert again.load() == 5
    save(again, 9)
    assert saved(tmp_path / "state") == ["00000005", "00000009"]


@pytest.mark.parametrize("name", ["ema.safetensors", "state.json"])
def test_a_damaged_last_state_is_reported_and_the_one_before_is_used(tmp_path, name, caplog):
    state = make_state(tmp_path / "state", 0)
    save(state, 5)
    save(state, 9)
    damage(tmp_path / "state" / "00000009" / name)
    assert state.load() == 5
    assert [message.partition(" is missing or altered; this run goes on from the state before")[0] for message in
            caplog.messages] == [str(tmp_path / "state" / "00000009" / name)]  # fmt: skip
    save(state, 7)
    assert saved(tmp_path / "state") == ["00000005", "00000007"], "the damaged one does not count"


@pytest.mark.parametrize("name", ["ema.safetensors", "model-00002-of-00002.safetensors"])
def test_a_file_that_cannot_be_opened_is_damage_even_where_no_digest_tells(tmp_path, name, caplog):
    state = make_state(tmp_path / "state", 0)
    save(state, 5)
    save(state, 9)
    last = tmp_path / "state" / "00000009"
    (last / name).write_bytes(b"nothing")
    description = json.loads((last / "state.json").read_text())
    if name in description["sha256"]:
        description["sha256"][name] = sha256_file(last / name)
        (last / "state.json").write_text(json.dumps(description))
    assert state.load() == 5
    assert f"{last / name} is missing or altered; this run goes on from the state before" in caplog.messages[0]


def test_where_every_state_is_damaged_nothing_goes_on(tmp_path):
    state = make_state(tmp_path / "state", 0)
    for step in (5, 9):
        save(state, step)
        damage(tmp_path / "state" / f"{step:08d}" / "ema.safetensors")
    with pytest.raises(DataError, match=r"00000009/ema\.safetensors is missing or altered, so this run cannot go on"):
        state.load()
    assert saved(tmp_path / "state") == ["00000005", "00000009"]


def test_processes_share_the_checking_and_go_on_from_the_same_state(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    save(make_state(folder, 0), 5)
    save(make_state(folder, 1), 9)
    damage(folder / "00000009" / "ema.safetensors")
    hashed, sha256_file = [], state_module.sha256_file
    monkeypatch.setattr(state_module, "sha256_file", lambda path: hashed.append(path) or sha256_file(path))
    said, met = [True, True], threading.Barrier(2, timeout=60)

    def load(number):
        def all_say(found):
            said[number] = found
            met.wait()
            answer = all(said)
            met.wait()
            return answer

        state = dataclasses.replace(make_state(folder, 2), part=Part(number, 2))
        return state.load(all_say), state.model.state_dict()

    with ThreadPoolExecutor(2) as threads:
        loaded = list(threads.map(load, range(2)))
    assert [step for step, _ in loaded] == [5, 5]
    expected = make_state(folder, 0).model.state_dict()
    for _, weights in loaded:
        for name, value in expected.items():
            assert torch.equal(weights[name], value)
    whole = [path.name for path in hashed if path.parent.name == "00000005"]
    assert sorted(whole) == ["ema.safetensors", "model.safetensors", "optimizer.safetensors"], "each by one process"


@pytest.mark.parametrize("part", ["model", "ema", "optimizer"])
def test_what_is_not_finite_is_not_saved_and_takes_no_good_state(tmp_path, part):
    state = make_state(tmp_path / "state", 0)
    for step in (3, 5):
        save(state, step)
    tensors = {
        "model": state.model.weight.data,
        "ema": state.ema.state["weight"],
        "optimizer": state.optimizers["optimizer"].state[state.model.weight]["exp_avg_sq"],
    }
    tensors[part][0, 0] = torch.nan if part == "model" else torch.inf
    with pytest.raises(TrainingError, match=rf"not finite after step 7: .* of the {part}; the states before are kept"):
        save(state, 7)
    assert saved(tmp_path / "state") == ["00000003", "00000005"]
    assert dataclasses.replace(state).load() == 5


def test_a_state_of_before_schema_5_gets_the_names_of_today(tmp_path):
    folder = tmp_path / "state"
    one = make_state(folder, 0)
    copied = dict(one.copied())
    one.write(
        3,
        {**copied, **{name: {f"old.{key}": value for key, value in copied[name].items()} for name in ("model", "ema")}},
    )
    path = folder / "00000003" / "state.json"
    path.write_text(json.dumps({name: item for name, item in json.loads(path.read_text()).items() if name != "schema"}))
    two = dataclasses.replace(
        make_state(folder, 1), migrate=lambda tensors: {key.removeprefix("old."): one for key, one in tensors.items()}
    )
    assert two.load() == 3
    for name, value in one.model.state_dict().items():
        assert torch.equal(two.model.state_dict()[name], value)
        assert torch.equal(two.ema.state[name], one.ema.state[name])
