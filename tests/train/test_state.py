import pytest
import torch

from praxia.core.errors import DataError
from praxia.nn.ema import Ema
from praxia.train.state import TrainState


def make_state(folder, seed):
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return TrainState(folder, model, Ema(model, 0.9), optimizer)


def test_a_state_comes_back_and_only_the_last_is_kept(tmp_path):
    one = make_state(tmp_path / "state", 0)
    assert one.load() == 0
    one.save(5)
    one.save(7)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["00000007"]
    two = make_state(tmp_path / "state", 1)
    assert two.load() == 7
    for name, value in one.model.state_dict().items():
        assert torch.equal(two.model.state_dict()[name], value)
    saved, loaded = one.optimizer.state_dict()["state"], two.optimizer.state_dict()["state"]
    assert all(torch.equal(saved[i][key], loaded[i][key]) for i in saved for key in saved[i])


def test_a_kill_while_saving_leaves_the_state_before(tmp_path):
    state = make_state(tmp_path / "state", 0)
    state.save(5)
    (tmp_path / "state" / ".00000007.123.partial").mkdir()  # what a kill leaves
    again = make_state(tmp_path / "state", 1)
    assert again.load() == 5
    again.save(9)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["00000009"]


def test_an_altered_state_is_refused(tmp_path):
    state = make_state(tmp_path / "state", 0)
    state.save(5)
    path = tmp_path / "state" / "00000005" / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match=r"ema\.safetensors is missing or altered"):
        state.load()
