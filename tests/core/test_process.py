import os

import pytest

from praxia.core.errors import GraphicsError, PraxiaError
from praxia.core.process import elsewhere


def settings() -> dict[str, str]:
    return {"pid": str(os.getpid()), "threads": os.environ["OMP_NUM_THREADS"], "gl": os.environ["MUJOCO_GL"]}


def refuse() -> None:
    raise GraphicsError("no OpenGL: install it")


def vanish() -> None:
    os._exit(7)


def test_a_function_runs_in_a_process_of_its_own_with_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    found = elsewhere(settings)
    assert int(found["pid"]) != os.getpid()
    assert (found["threads"], found["gl"]) == ("1", "osmesa")
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_bad_input_comes_back_as_one_line():
    with pytest.raises(PraxiaError, match="no OpenGL: install it"):
        elsewhere(refuse)


def test_a_process_that_dies_says_how():
    with pytest.raises(RuntimeError, match="exit code 7"):
        elsewhere(vanish)
