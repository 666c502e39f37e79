"""Where policies run: the device that a name means, or the accelerator of this machine."""

import re

import torch

from praxia.core.errors import PraxiaError

__all__ = ["default_device", "find_device"]


def find_device(name: str | None) -> str:
    """The device called `name`: "cpu", "cuda", "cuda:N" or "mps". None: the default.

    Raises:
        PraxiaError: there is no such device, or not on this machine.
    """
    if name is None:
        return default_device()
    here = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.cuda.is_available():
        here.insert(1, "cuda")
    if torch.backends.mps.is_available():
        here.append("mps")
    if name not in here:
        known = re.fullmatch(r"cpu|cuda(:\d+)?|mps", name)
        expected = "a device of this machine" if known else "cpu, cuda, cuda:N or mps"
        raise PraxiaError(f"expected --device to be {expected}, got {name!r}; here are: {', '.join(here)}")
    return name


def default_device() -> str:
    """The CUDA GPU, where there is one; else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"
