"""`praxia serve`: it says where it listens, answers, and ends cleanly on SIGTERM; wrong options have one line."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from praxia_testing import make_config, make_config_of_two, make_policy
from serving_testing import observed
from websockets.sync.client import connect

from praxia.checkpoint.store import save_policy
from praxia.cli.main import main
from praxia.cli.serve import _named
from praxia.core.types import ChunkExecution
from praxia.rollout.session import Session
from praxia.wires import openpi
from praxia.wires.messages import InferenceRequest

TIMEOUT_S = 120.0


@pytest.fixture(autouse=True)
def threads_of_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def save(folder, config=None):
    config = config or make_config()
    save_policy(folder, config, make_policy(config).model.state_dict())
    return folder


class Serving:
    """A running `praxia serve`, killed at the end if it has not ended by itself."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "praxia", "serve", *map(str, arguments), "--port", "0", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.watchdog = threading.Timer(TIMEOUT_S, self.process.kill)

    def __enter__(self):
        self.watchdog.start()
        return self

    def __exit__(self, *error):
        self.watchdog.cancel()
        self.process.kill()
        self.process.communicate()

    def address(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"listening on (ws://\S+)", line):
                return found[1]
        raise AssertionError("".join(self.lines))


def test_a_served_policy_answers_as_in_process_and_ends_on_sigterm(tmp_path):
    folder = save(tmp_path / "mine")
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    observation = {"images": {"front": image}, "state": np.zeros(3, np.float32), "instruction": "lift the cup"}
    with Serving(folder, "--exact", "--wires", "openpi,groot", "--groot-port", 0) as serving:
        with connect(serving.address(), compression=None) as client:
            assert openpi.decode_hello(client.recv(TIMEOUT_S)).name == "mine"
            client.send(openpi.encode_request(InferenceRequest(observation)))
            found = openpi.decode_reply(client.recv(TIMEOUT_S)).actions
            serving.process.send_signal(signal.SIGTERM)
            out, _ = serving.process.communicate(timeout=TIMEOUT_S)
        assert serving.process.returncode == 0
        result = json.loads(out)
        assert (result["policies"], result["requests"]) == (["mine"], 1)
    local = Session(make_policy(), ChunkExecution(4), key="connection")
    np.testing.assert_array_equal(found, local.chunk(observation))


REFUSED = {
    "no policy": ([], "expected the folder of a policy to serve"),
    "no folder": (["{}/none"], "none"),
    "another wire": (["{}/mine", "--wires", "opnpi"], "unknown wire 'opnpi'; nearest: openpi"),
    "a certificate alone": (["{}/mine", "--certificate", "c.pem"], "expected --certificate and --key"),
    "one name twice": (["{}/mine", "a={}/mine", "a={}/mine"], "got 'a' for two"),
    "a name of the server": (["metrics={}/mine"], "no path of the server"),
    "an embodiment": (["{}/mine", "--embodiment", "toi"], "unknown embodiment of this policy 'toi'; nearest: toy"),
    "two embodiments": (["{}/two"], "bind it to one of them"),
    "an empty key": (["{}/mine", "--api-key-file", "{}/empty"], "expected a key in"),
    "two policies over GR00T's wire": (["a={}/mine", "b={}/mine", "--wires", "groot"], "expected one policy"),
    "a key of bytes": (["{}/mine", "--api-key-file", "{}/bytes"], "got bytes that are none"),
    "no wire": (["{}/mine", "--wires", ""], "expected at least one wire of openpi, vla-eval"),
    "no port": (["{}/none", "--port", "70000"], "expected a port from 0 to 65535, got 70000"),
    "a port below 0": (["{}/none", "--port", "-1"], "expected a port from 0 to 65535, got -1"),
    "a path as a name": (["healthz={}/none"], "no path of the server"),
    "no certificate": (["{}/mine", "--certificate", "{}/c.pem", "--key", "{}/k.pem"], "c.pem, but it does not exist"),
    "a graph on the CPU": (["{}/mine", "--device", "cpu", "--compile", "cuda-graph"], "expected a GPU for a CUDA"),
    "no sessions": (["{}/mine", "--max-sessions", "0"], "max_sessions"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_options_have_one_line(tmp_path, capsys, name):
    arguments, line = REFUSED[name]
    save(tmp_path / "mine"), save(tmp_path / "two", make_config_of_two())
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SystemExit) as stopped:
        main(["serve", *(one.format(tmp_path) for one in arguments)])
    assert stopped.value.code == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_may_have_an_equals_sign(tmp_path):
    folder = save(tmp_path / "lr=0.1" / "mine")
    assert _named((str(folder), f"x={folder}")) == {"mine": folder, "x": folder}


def test_a_second_signal_ends_it_at_once(tmp_path):
    options = save(tmp_path / "mine"), "--max-rate-hz", "0.01"
    with Serving(*options) as serving, connect(serving.address(), compression=None) as client:
        client.recv(TIMEOUT_S)
        frame = openpi.encode_request(InferenceRequest(observed()))
        client.send(frame)
        client.recv(TIMEOUT_S)
        client.send(frame)  # waits for its turn for 100 s
        client.ping().wait(TIMEOUT_S)
        serving.process.send_signal(signal.SIGINT)
        assert any("ending" in line for line in serving.process.stderr)
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(TIMEOUT_S) == -signal.SIGINT


def test_a_port_in_use_has_one_line_before_anything_is_loaded(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as stopped:
        main(["serve", str(tmp_path / "none"), "--port", str(taken.getsockname()[1])])
    assert stopped.value.code == 2
    assert "another program listens on this port; choose another --port" in capsys.readouterr().err


def test_a_missing_extra_has_one_line(monkeypatch, tmp_path, capsys):
    for name in [one for one in sys.modules if one.startswith("praxia.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "websockets.asyncio.server", None)
    with pytest.raises(SystemExit):
        main(["serve", str(save(tmp_path / "mine"))])
    assert "needs the package websockets: pip install 'praxia[serve]'" in capsys.readouterr().err
