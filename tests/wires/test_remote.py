"""The policy that is a server elsewhere: whose answer it is, which policy gave it, and waits that end."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time

import numpy as np
import pytest
from praxia_testing import EMBODIMENT
from serving_testing import ForeignServer, Gated, ServerThread, observed

from praxia.core.errors import PraxiaError
from praxia.core.types import Observation, Query
from praxia.serve.connection import Limits
from praxia.wires import openpi, remote
from praxia.wires.mapping import connect_foreign
from praxia.wires.packing import pack
from praxia.wires.remote import CLIENT_API_KEY, Connection, connect_policy


def query(value, row=0, step=0, key="episode"):
    one = observed(value)
    return Query((Observation(one["images"], one["state"], "", 0.0),), key, step, row)


def act(policy, *queries):
    return [one.chunk[0].tolist() for one in policy.act(queries, None)[0]]


def address(server):
    return f"ws://127.0.0.1:{server.port}"


def test_after_an_error_no_reply_answers_the_next_question():
    """The second row finds no place while the first has been asked, whose reply is never read."""
    with ServerThread({"toy": Gated()}, limits=Limits(max_sessions=1)) as server:
        policy = connect_policy(address(server), EMBODIMENT)
        server.until(lambda: server.policies[0].num_sessions == 0)
        with pytest.raises(PraxiaError, match="the server is full"):
            act(policy, query(1, row=0), query(2, row=1))
        server.until(lambda: server.policies[0].num_sessions == 0)
        assert act(policy, query(7, step=1)) == [[1, 7]]
        policy.close()


def test_another_policy_at_the_address_is_an_error():
    with ServerThread({"toy": Gated()}) as server:
        policy = connect_policy(address(server), EMBODIMENT)
        assert act(policy, query(1)) == [[0, 1]]
        server.policies[0]._identity = ("another", None)
        assert act(policy, query(1)) == [[0, 1]], "the connection is still that of before"
        with pytest.raises(PraxiaError, match=r"expected the policy that .* served at the beginning, got another"):
            act(policy, query(1, row=1))


class Counting(ForeignServer):
    """A server of openpi's wire that answers with the number of the observation in its connection."""

    def __init__(self):
        self.keys = []

    def handle(self, connection):
        self.keys.append(connection.request.headers.get("Authorization"))
        connection.send(pack({}))
        for number, _ in enumerate(connection):
            connection.send(pack({"actions": np.full((1, 2), number, np.float32)}))

    def connect(self, folder, **entries):
        value = {"address": self.address, "horizon": 1, "actions": [{"field": "move"}]}
        (folder / "server.json").write_text(json.dumps(value | entries))
        return connect_foreign(folder / "server.json", EMBODIMENT)


def test_an_episode_of_a_foreign_server_is_a_connection(tmp_path):
    with Counting() as counting:
        policy = counting.connect(tmp_path)
        for episode in ("a", "b"):
            assert [act(policy, query(0, step=step, key=episode))[0][0] for step in range(3)] == [0, 1, 2]
        policy.close()


def test_a_foreign_server_is_sent_its_own_key_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("PRAXIA_API_KEY", "for clients of mine")
    monkeypatch.setenv(CLIENT_API_KEY, "for another server")
    monkeypatch.setenv("DROID_KEY", "theirs")
    with Counting() as counting:
        counting.connect(tmp_path)
        counting.connect(tmp_path, api_key_variable="DROID_KEY")
        assert counting.keys == [None, "Api-Key theirs"]


@contextlib.contextmanager
def deaf_server():
    """The address of a server that says hello, and reads nothing after the handshake."""
    accepted = []

    def run():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                accepted.append(client)
                key = re.search(rb"Sec-WebSocket-Key: (\S+)", client.recv(65536))[1]
                answer = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                client.sendall(head + b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n\x82\x01\x80")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=run, daemon=True).start()
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for client in accepted:
                client.close()


def test_a_server_that_does_not_read_is_an_error_in_time(monkeypatch):
    monkeypatch.setattr(remote, "SEND_S", 0.2)
    monkeypatch.setattr(remote, "CLOSE_S", 0.1)
    with deaf_server() as where:
        connection = Connection(where)
        with pytest.raises(TimeoutError, match=r"did not read a request in 0\.2 s"):
            connection.send(bytes(50_000_000))
        connection.close()


def test_goodbyes_have_one_limit_together(monkeypatch):
    monkeypatch.setattr(remote, "CLOSE_S", 0.6)
    with deaf_server() as where:
        connections = {row: Connection(where) for row in range(20)}
        began_s = time.monotonic()
        remote._close_all(connections)
        assert time.monotonic() - began_s < 20 * 0.6 / 2


def test_the_last_line_of_a_traceback_is_the_error():
    with pytest.raises(PraxiaError, match=r"^KeyError: 'observation/image'$"):
        openpi.decode_reply(
            "Traceback (most recent call last):\n  File \"x.py\", line 3\nKeyError: 'observation/image'\n\n"
        )


@pytest.mark.parametrize("infer_ms", ["fast", None, [1], {}])
def test_a_time_that_is_no_number_is_none(infer_ms):
    frame = pack({"actions": np.zeros((1, 2), np.float32), "policy_timing": {"infer_ms": infer_ms}})
    assert openpi.decode_reply(frame).inference_s == 0
