"""Strangers' frames and connections: one clear error each, no crash, no leak, and the other clients notice nothing."""

import contextlib
import random
import socket
import struct
import threading

import msgpack
import numpy as np
import pytest
from memory import free_memory, resident_mb
from serving_testing import TIMEOUT_S, Gated, ServerThread, observed
from websockets.exceptions import ConnectionClosed, InvalidStatus

from praxia.serve.connection import Limits
from praxia.wires import openpi
from praxia.wires.messages import InferenceRequest
from praxia.wires.packing import pack, unpack

KEY = "secret"
HEADERS = {"Authorization": f"Api-Key {KEY}"}
MAX_BYTES = 64 * 1024
GOOD = openpi.encode_request(InferenceRequest(observed(1), episode="e", step=3, earlier=()))
VALUES = [
    None,
    True,
    -1,
    2**63,
    1.5,
    float("nan"),
    "text",
    "",
    b"bytes",
    [],
    [[]],
    {},
    {"a": {}},
    {b"__ndarray__": True},
]


def any_value(rng):
    """A value of any type, perhaps nested."""
    kind = rng.randrange(8)
    if kind == 0:
        return [any_value(rng) for _ in range(rng.randrange(4))]
    if kind == 1:
        return {rng.choice(["a", b"shape", "__image__", b"dtype"]): any_value(rng) for _ in range(rng.randrange(4))}
    if kind == 2:
        dtype = rng.choice(["<f4", "|u1", "|O", "|V8", "<c16", "<U4", "f4,f4", ""])
        shape = rng.choice([[2], [16, 16, 3], [-1], [2**40], [0], "x", None])
        data = rng.choice([bytes(8), bytes(768), b"", "text", None])
        return {b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape}
    if kind == 3:
        return {"__image__": True, "format": rng.choice(["png", "jpeg", "raw", "gif"]), "data": rng.randbytes(40)}
    return rng.choice(VALUES)


def truncated(rng):
    return GOOD[: rng.randrange(len(GOOD))]


def random_bytes(rng):
    return rng.randbytes(rng.randrange(200))


def flipped(rng):
    frame = bytearray(GOOD)
    for _ in range(rng.randrange(1, 8)):
        frame[rng.randrange(len(frame))] = rng.randrange(256)
    return bytes(frame)


def wrong_types(rng):
    """An observation of which an entry, known or not, has any value."""
    names = ["observation/front", "observation/state", "observation/position", "prompt", "images", "state", "episode"]
    names += ["step", "earlier", "delay", "committed", "planned", "deadline_ms", "observation/", "", "x" * 300]
    message = {"observation/front": np.zeros((16, 16, 3), np.uint8), "observation/state": np.zeros(3), "prompt": ""}
    return pack(message | {rng.choice(names): any_value(rng) for _ in range(rng.randrange(1, 4))})


def nested(rng):
    return rng.choice([b"\x91", b"\x81\xa1a"]) * rng.choice([10, 500, 1020, 5000]) + b"\x01"


def many_entries(rng):
    return (
        b"\xdc\xff\xff" + rng.choice([b"\x80", b"\x90", b"\xc0"]) * 65535
        if rng.random() < 0.5
        else b"\xdd" + bytes([rng.randrange(256) for _ in range(4)])
    )


def oversized(rng):
    return bytes(MAX_BYTES + 1 + rng.randrange(1000))


def text(rng):
    return "".join(chr(rng.randrange(32, 0xD000)) for _ in range(rng.randrange(100)))


def extension(rng):
    return msgpack.packb({"prompt": msgpack.ExtType(rng.randrange(128), rng.randbytes(8))})


FRAMES = [truncated, random_bytes, flipped, wrong_types, wrong_types, nested, many_entries, oversized, text, extension]


def send_frame(server, rng):
    """A frame of a client with the right key; what came of it: a reply, or one clear error."""
    frame = rng.choice(FRAMES)(rng)
    with server.connect(additional_headers=HEADERS, ping_interval=None) as client:
        client.recv(TIMEOUT_S)
        with contextlib.suppress(ConnectionClosed):
            client.send(frame)
        try:
            answer = client.recv(TIMEOUT_S)
        except ConnectionClosed:
            assert client.close_code in (1007, 1009), (client.close_code, frame[:80])
            return "closed"
        if isinstance(answer, bytes):
            assert openpi.decode_reply(answer).actions.shape == (1, 2)
            return "reply"
        assert answer, frame[:80]
        assert "\n" not in answer, answer
        assert len(answer) < 600, answer
        with pytest.raises(ConnectionClosed):
            client.recv(TIMEOUT_S)
        assert client.close_code == 1011
        return "error"


def vla_eval_frame(rng):
    """A frame of vla-eval's wire with anything in it, or of no wire at all."""
    if rng.random() < 0.4:
        return rng.choice(FRAMES)(rng)
    kinds = ["hello", "episode_start", "observation", "action", "episode_end", "error", "other", any_value(rng)]
    names = ["images", "state", "states", "task_description", "task", "protocol_version", "x"]
    payload = {rng.choice(names): any_value(rng) for _ in range(rng.randrange(4))}
    message = {"type": rng.choice(kinds), "payload": rng.choice([payload, payload, any_value(rng)]), "seq": 1}
    if rng.random() < 0.2:
        message[rng.choice(["type", "payload", "seq"])] = any_value(rng)
    return pack(message, "text")


def send_vla_eval_frame(server, rng):
    """A frame of a client whose key is in the address; at most one error, and the connection goes on."""
    frame = vla_eval_frame(rng)
    with server.connect(f"vla-eval?key={KEY}", ping_interval=None) as client:
        try:
            client.send(frame)
            hello = {"type": "hello", "payload": {"protocol_version": 1}, "seq": 77, "timestamp": 0.0}
            client.send(pack(hello, "text"))
            answers = []
            while not answers or answers[-1]["seq"] != 77:
                answers.append(unpack(client.recv(TIMEOUT_S)))
        except ConnectionClosed:
            assert client.close_code in (1007, 1009), (client.close_code, frame[:80])
            return "closed"
    assert answers[-1]["type"] == "hello"
    assert len(answers) <= 2
    for error in (one["payload"]["error"] for one in answers if one["type"] == "error"):
        assert "\n" not in error, error
        assert 0 < len(error) < 600, error
    return "error" if len(answers) == 2 else "reply"


def strange_connection(server, rng):
    """Something that is no websocket, has no key or another one, or goes away in the middle."""
    kind = rng.randrange(6)
    if kind == 0:
        wrong = rng.choice([{}, {"Authorization": "Api-Key wrong"}, {"Authorization": "\u00e4"}])
        with pytest.raises(InvalidStatus) as refused:
            server.connect(additional_headers=wrong).__enter__()
        assert refused.value.response.status_code == 401
    elif kind == 1:
        with pytest.raises(InvalidStatus) as refused:
            server.connect(f"x{rng.randrange(1000)}", additional_headers=HEADERS).__enter__()
        assert refused.value.response.status_code == 404
    else:
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
        with contextlib.closing(raw), contextlib.suppress(ConnectionError):
            raw.sendall(raw_bytes(kind, rng))
            if rng.random() < 0.3:  # reset instead of a goodbye
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "strange"


def raw_bytes(kind, rng):
    head = f"GET / HTTP/1.1\r\nHost: x\r\n{'Upgrade: websocket' + chr(13) + chr(10) if kind != 2 else ''}"
    head += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head += f"Authorization: Api-Key {KEY}\r\n\r\n"
    if kind == 3:
        return head.encode()[: rng.randrange(len(head))]
    if kind == 4:  # a frame that announces more than follows
        return head.encode() + b"\x82\xfe\x40\x00" + bytes(4) + rng.randbytes(rng.randrange(100))
    if kind == 5:
        return rng.randbytes(rng.randrange(300))
    return head.encode()


class GoodClient:
    """A client that asks all the time, in a thread, and checks every answer."""

    def __init__(self, server):
        self._server, self._ended, self.count, self.error = server, threading.Event(), 0, None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join(TIMEOUT_S)

    def _run(self):
        try:
            with self._server.connect(additional_headers=HEADERS) as client:
                client.recv(TIMEOUT_S)
                while not self._ended.wait(0.01):
                    client.send(openpi.encode_request(InferenceRequest(observed(self.count))))
                    found = openpi.decode_reply(client.recv(TIMEOUT_S)).actions
                    assert found.tolist() == [[self.count, self.count]]
                    self.count += 1
        except Exception as error:
            self.error = error


def fuzz(numbers):
    """Send what the `numbers` draw; the memory of the first quarter is the measure of the rest."""
    limits = Limits(max_sessions=8, max_message_bytes=MAX_BYTES, patience_s=2.0)
    with ServerThread({"toy": Gated()}, api_key=KEY, limits=limits) as server, GoodClient(server) as good:
        served, seen = server.policies[0], {}
        for number in numbers:
            if number == numbers[len(numbers) // 4]:
                server.until(lambda: served.num_sessions <= 1)
                free_memory()
                before_mb, threads = resident_mb(), threading.active_count()
            rng = random.Random(number)
            server.until(lambda: served.num_sessions < limits.max_sessions)
            result = rng.choice([strange_connection, send_frame, send_vla_eval_frame])(server, rng)
            seen[result] = seen.get(result, 0) + 1
        server.until(lambda: served.num_sessions <= 1)
        free_memory()
        assert resident_mb() - before_mb < 30
        server.until(lambda: threading.active_count() <= threads + 2)
        assert good.error is None, good.error
        assert good.count > 0
        assert server.get("/healthz") == (200, "OK\n")
    assert served.num_sessions == 0
    assert set(seen) == {"error", "reply", "closed", "strange"}, seen


def test_hundreds_of_strange_frames_and_connections():
    fuzz(range(300))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 10_000, 1000))
def test_ten_thousand_strange_frames_and_connections(first):
    fuzz(range(first, first + 1000))
