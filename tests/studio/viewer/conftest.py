import json
import re
import shutil
from dataclasses import replace

import pytest
import synthetic

from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.studio.viewer.view import write_viewer

EVIL = '</script><script>document.title = "mine"</script><img src=x onerror=alert(1)> & "push"'


@pytest.fixture(scope="session")
def demos(tmp_path_factory):
    """A data set of seven episodes of 12 to 40 steps, the fourth with an instruction that contains HTML."""
    root = tmp_path_factory.mktemp("viewed") / "demos"
    begin_recording(root, {"seed": 0})
    for index in range(7):
        recorded = synthetic.episode(index, 40 if index == 1 else 12 + index)
        if index == 3:
            recorded = replace(recorded, instruction=EVIL, task="</script>")
        stage_episode(root, index, recorded)
    finalize(root, synthetic.EMBODIMENT, {"seed": 0})
    return Dataset(root)


@pytest.fixture(scope="session")
def foreign(demos, tmp_path_factory):
    """The same data set without the files that only Praxia writes."""
    root = tmp_path_factory.mktemp("foreign") / "demos"
    shutil.copytree(demos.root, root, ignore=shutil.ignore_patterns("praxia", ".*"))
    return Dataset(root)


@pytest.fixture(scope="session")
def evil():
    return EVIL


@pytest.fixture(scope="session")
def page(demos, tmp_path_factory):
    """The page of the first five episodes."""
    out = tmp_path_factory.mktemp("page") / "demos.html"
    assert write_viewer(demos, out, demos.cameras) == [0, 1, 2, 3, 4]
    return out


@pytest.fixture(scope="session")
def contents():
    """Reads the values that a page passes to its scripts."""

    def read(page):
        (text,) = re.findall('<script type="application/json" id="contents">(.*?)</script>', page.read_text())
        return json.loads(text)

    return read
