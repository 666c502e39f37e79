"""The first hour of a new user: the wheel in an empty folder, and a data set that the `lerobot` package wrote.

`tests/frozen/lerobot/arm` has 12 episodes of two tasks, six joints with names, and cameras `top` and `side` of 480x640.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
ARM = ROOT / "tests" / "frozen" / "lerobot" / "arm"

# Limits of the work that it may take, which other work on the machine does not change, and of waiting.
FIRST_OUTPUT_S, INTERRUPTED_S, MEMORY_GB = 10, 5, 4.0
WAITING_S = 600

FROM_PYTHON = """
import json
import sys

import numpy as np

import praxia

policy, data = praxia.load("runs/mine"), praxia.open("arm")
errors = []
for index in json.loads(sys.argv[1]):
    episode = data.episode(index)
    found, steps = np.zeros(2), len(episode)
    for frame in range(steps):
        images = {camera: episode.images(camera, [frame])[0] for camera in policy.window.cameras}
        observation = {"images": images, "state": episode.state[frame], "instruction": episode.instruction}
        chunk = policy.session().chunk(observation)[: steps - frame]
        found += np.abs(chunk - episode.action[frame : frame + len(chunk)]).sum(), chunk.size
    errors.append(found[0] / found[1])
print(json.dumps(errors))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with nothing but the installed wheel and the user's data set, away from the repository."""
    home = tmp_path_factory.mktemp("home")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", home / "wheel", ROOT], check=True)
    (wheel,) = (home / "wheel").iterdir()
    subprocess.run([*pip, "install", *offline, "--target", home / "site", wheel], check=True)
    shutil.copytree(ARM, home / "arm")
    return home


def environment(home):
    """The user's: the installed package comes before the one of the repository."""
    own = {"PYTHONPATH": str(home / "site"), "HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    return {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | own


def praxia(home, *arguments):
    """What `praxia ... --json` prints."""
    command = [sys.executable, home / "site" / "bin" / "praxia", *arguments, "--json"]
    done = subprocess.run(command, cwd=home, env=environment(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Training:
    """A running `praxia train`, and what it has written to stderr."""

    def __init__(self, home, *arguments):
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, home / "site" / "bin" / "praxia", "train", *arguments],
            cwd=home,
            env=environment(home),
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background ignore interrupts, and would hand that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def wait_for(self, condition):
        """Wait until `condition(lines)` is true of what was written. Returns the seconds of work that it has done.

        Raises:
            AssertionError: the process has ended, or `WAITING_S` seconds are over.
        """
        until_s = time.monotonic() + WAITING_S
        while not condition(self.lines):
            assert self.process.poll() is None, "".join(self.lines)
            assert time.monotonic() < until_s, f"{WAITING_S} s, and all it wrote is: {''.join(self.lines)}"
            time.sleep(0.05)
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def peak_gb(self):
        """The most memory that it has held so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6

    def interrupt(self):
        """As Ctrl-C does. Returns the exit code, and the seconds of work until the process had ended."""
        before_s = sum(psutil.Process(self.process.pid).cpu_times()[:2])
        self.process.send_signal(signal.SIGINT)
        # Waited for without taking what it used away, which is counted until it has been.
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        took_s = sum(psutil.Process(self.process.pid).cpu_times()[:2]) - before_s
        self._reader.join()
        return self.process.wait(), took_s

    def close(self):
        """End it, if it has not ended."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


def num_steps(lines):
    """The newest number of steps on a line of progress, such as "act  12/4000  loss 0.5"."""
    found = [int(match[1]) for line in lines if (match := re.match(r"[\w-]+  (\d+)/\d+  ", line))]
    return found[-1] if found else -1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("recipe", ["act", "diffusion-policy-unet", "flow"])
def test_a_recipe_trains_with_no_further_option(home, recipe):
    training = Training(home, recipe, "--data", "arm", "--out", f"runs/{recipe}")
    try:
        assert training.wait_for(bool) < FIRST_OUTPUT_S
        training.wait_for(lambda lines: num_steps(lines) >= 20)
        assert training.peak_gb() < MEMORY_GB
        code, took_s = training.interrupt()
        assert code == 130
        assert took_s < INTERRUPTED_S
    finally:
        training.close()
    text = "".join(training.lines)
    assert "cameras: top 128x128, side 128x128" in text
    assert "interrupted; what was written is kept, and a verb with --resume continues from there" in text
    states = (home / "runs" / recipe).glob("state/*")  # none in the first half minute
    saved = max((int(one.name) for one in states if one.name.isdigit()), default=0)
    resumed = Training(home, recipe, "--data", "arm", "--out", f"runs/{recipe}", "--resume")
    try:
        resumed.wait_for(lambda lines: num_steps(lines) >= 0)
        assert next(found for line in resumed.lines if (found := num_steps([line])) >= 0) == saved
        assert resumed.interrupt()[0] == 130
    finally:
        resumed.close()


@pytest.mark.slow
def test_held_out_episodes_have_one_error_from_python_in_the_evaluation_and_in_the_report(home):
    run = "runs/mine"
    # ACT draws no noise, whose key would be another one in Python.
    options = ["--hold-out", "0.2", "--train.steps", "3", "--train.batch-size", "4"]
    praxia(home, "train", "act", "--data", "arm", "--out", run, *options)
    held_out = json.loads((home / run / "run.json").read_text())["held_out"][0]
    assert len(held_out) == 2
    rows = ["--episodes", ",".join(map(str, held_out)), "--out", "mine.jsonl"]
    result = praxia(home, "eval", run, "--data", "arm", *rows)
    command = [sys.executable, "-c", FROM_PYTHON, json.dumps(held_out)]
    done = subprocess.run(command, cwd=home, env=environment(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from_python, mean = json.loads(done.stdout), result["policy"]["mae"]["mean"]
    assert sum(from_python) / len(from_python) == pytest.approx(mean, abs=1e-6)
    written = [json.loads(line)["policy"]["mae"] for line in (home / "mine.jsonl").read_text().splitlines()]
    assert written == pytest.approx(from_python, abs=1e-6)
    praxia(home, "report", ".", "--out", "report.html")
    assert f"{mean:.4g} [" in (home / "report.html").read_text()
