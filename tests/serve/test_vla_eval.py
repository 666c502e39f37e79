"""vla-eval's wire over real sockets: one action an observation, episodes by message, errors that end nothing."""

import msgpack
import numpy as np
import pytest
from praxia_testing import make_policy
from serving_testing import TIMEOUT_S, Gated, Remembering, ServerThread, observed
from websockets.exceptions import InvalidStatus

from praxia.core.types import ChunkExecution, Decision
from praxia.core.window import Window
from praxia.rollout.session import Session
from praxia.wires.packing import pack, unpack

HELLO = {"harness_version": "0.8.0", "protocol_version": 1, "benchmark": "toy"}


class Client:
    """Speaks as the harness does, written without our codec of its wire."""

    def __init__(self, socket):
        self._socket, self._seq = socket, 0

    def send(self, kind, payload):
        self._seq += 1
        message = {"type": kind, "payload": payload, "seq": self._seq, "timestamp": 0.0}
        self._socket.send(pack(message, "text"))

    def receive(self):
        message = unpack(self._socket.recv(TIMEOUT_S))
        assert message["seq"] == self._seq
        return message["type"], message["payload"]

    def ask(self, kind, payload):
        self.send(kind, payload)
        return self.receive()

    def act(self, observation):
        payload = {"images": observation["images"], "state": observation["state"]}
        kind, answer = self.ask("observation", {**payload, "task_description": observation["instruction"]})
        assert kind == "action", answer
        return answer["actions"]


class Chunks(Gated):
    """Decides three actions, [step, 0], [step, 1], [step, 2]."""

    window = Window({"state": (0,)}, 3)

    def act(self, queries, carry):
        super().act(queries, carry)
        chunks = [np.array([[one.step, at] for at in range(3)], np.float32) for one in queries]
        return [Decision(chunk, np.ones(3, bool)) for chunk in chunks], carry


def test_a_chunk_is_executed_action_by_action():
    policy = Chunks()
    with ServerThread({"toy": policy}) as server:
        with server.connect("vla-eval") as socket:
            client = Client(socket)
            kind, hello = client.ask("hello", HELLO)
            assert kind == "hello"
            assert hello["protocol_version"] == 1
            client.send("episode_start", {"task": {"name": "lift"}})
            found = [client.act(observed()).tolist() for _ in range(5)]
            assert found == [[0, 0], [0, 1], [0, 2], [3, 0], [3, 1]]
            client.send("episode_end", {"metrics": {"success": True}})
            client.send("episode_start", {"task": {}})
            assert client.act(observed()).tolist() == [0, 0]
        assert [batch[0].key for batch in policy.batches] == ["connection/0/1", "connection/0/1", "connection/0/2"]
        with server.connect("vla-eval/toy?execution_horizon=2") as socket:
            client = Client(socket)
            assert [client.act(observed()).tolist() for _ in range(4)] == [[0, 0], [0, 1], [2, 0], [2, 1]]


@pytest.mark.parametrize("horizon", [4, 2])
def test_exact_actions_are_those_of_a_session_in_process(horizon):
    """With a policy that sees the observation before, which is that of the step before also inside chunks."""
    policy, rng = make_policy(), np.random.default_rng(0)
    local = Session(policy, ChunkExecution(horizon), key="mine")
    address = f"vla-eval?execution_horizon={horizon}"
    with ServerThread({"toy": policy}, exact=True) as server, server.connect(address) as socket:
        client = Client(socket)
        client.ask("hello", HELLO)
        for episode in range(2):
            client.send("episode_start", {"task": {"episode": f"mine/{episode}"}})
            for _ in range(6):
                image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                state = rng.uniform(-1, 1, 3).astype(np.float32)
                observation = {"images": {"front": image}, "state": state, "instruction": "lift the cup"}
                np.testing.assert_array_equal(client.act(observation), local.act(observation))
            local.reset()


def test_an_observation_that_was_an_error_may_be_sent_again():
    class Once(Gated):
        def act(self, queries, carry):
            if len(self.batches) == 1:
                self.batches.append([])
                raise RuntimeError("once")
            return super().act(queries, carry)

    with ServerThread({"toy": Once()}) as server, server.connect("vla-eval") as socket:
        client = Client(socket)
        assert client.act(observed(1)).tolist() == [0, 1]
        payload = {"images": observed()["images"], "state": observed(2)["state"]}
        assert client.ask("observation", payload)[0] == "error"
        assert client.act(observed(2)).tolist() == [1, 2], "step 1, as before the error"


def test_an_error_does_not_end_the_connection():
    with ServerThread({"toy": Remembering()}) as server, server.connect("vla-eval") as socket:
        client = Client(socket)
        client.ask("hello", HELLO)
        client.send("episode_start", {"task": {}})
        client.act(observed(1))
        assert client.ask("hello", {}) == ("error", {"error": "expected a client of protocol_version 1, got None"})
        kind, answer = client.ask("observation", {"image": 3})
        assert kind == "error"
        assert "unknown entry of an observation 'image'" in answer["error"]
        assert client.act(observed(2)).tolist() == [1, 3]
        socket.send(b"\xc1")
        assert msgpack.unpackb(socket.recv(TIMEOUT_S))["type"] == "error"
        assert client.act(observed(2)).tolist() == [2, 5]


@pytest.mark.parametrize("text", ["0", "-1", "x", "²"])
def test_a_wrong_execution_horizon_is_an_error(text):
    with ServerThread({"toy": Gated()}) as server, server.connect(f"vla-eval?execution_horizon={text}") as socket:
        payload = {"images": observed()["images"], "state": observed()["state"]}
        kind, answer = Client(socket).ask("observation", payload)
        assert kind == "error"
        assert "execution_horizon as a number from 1" in answer["error"]


def test_the_key_is_in_the_address():
    with ServerThread({"toy": Gated()}, api_key="secret") as server:
        with server.connect("vla-eval?key=secret") as socket:
            assert Client(socket).ask("hello", HELLO)[0] == "hello"
        for path in ("vla-eval", "vla-eval?key=secre", "?key=secret", "toy?key=secret"):
            with pytest.raises(InvalidStatus) as refused, server.connect(path):
                pass
            assert refused.value.response.status_code == 401
        assert server.get("/health") == (200, "OK\n")


def test_a_wire_that_is_not_offered_is_not_found():
    with ServerThread({"toy": Gated()}, wires=("openpi",)) as server:
        with pytest.raises(InvalidStatus) as refused, server.connect("vla-eval"):
            pass
        assert refused.value.response.status_code == 404
