import pytest
import torch

from praxia.core.errors import PraxiaError
from praxia.nn.device import find_device


@pytest.fixture
def gpus(monkeypatch):
    def have(number):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return have


def test_by_default_an_accelerator_if_there_is_one(gpus):
    gpus(0)
    assert find_device(None) == "cpu"
    gpus(2)
    assert find_device(None) == "cuda"


def test_devices_of_this_machine(gpus):
    gpus(2)
    for name in ("cpu", "cuda", "cuda:0", "cuda:1"):
        assert find_device(name) == name


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        (0, "gpu", "expected --device to be cpu, cuda, cuda:N or mps, got 'gpu'; here are: cpu$"),
        (0, "cuda", "expected --device to be a device of this machine, got 'cuda'; here are: cpu$"),
        (1, "cuda:1", "a device of this machine, got 'cuda:1'; here are: cpu, cuda, cuda:0$"),
        (1, "mps", "a device of this machine, got 'mps'"),
        (1, "", "got ''"),
    ],
)
def test_another_name_is_refused_in_one_line(gpus, number, name, message):
    gpus(number)
    with pytest.raises(PraxiaError, match=message):
        find_device(name)
