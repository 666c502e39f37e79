"""GR00T's wire over real sockets, with bytes that are assembled as its client does, without our codec."""

import asyncio
import contextlib
import io
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import msgpack
import numpy as np
import pytest
import zmq
from praxia_testing import TEXTS, make_policy
from serving_testing import TIMEOUT_S, Gated, Remembering

from praxia.core.errors import PraxiaError
from praxia.core.types import Observation, Query
from praxia.serve.connection import Limits
from praxia.serve.groot import GrootServer
from praxia.serve.metrics import Metrics
from praxia.serve.sessions import ClientSession, ServedPolicy


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return {"__ndarray_class__": True, "as_npy": file.getvalue()}


def read(value):
    return np.load(io.BytesIO(value["as_npy"]), allow_pickle=False)


@contextlib.contextmanager
def serving(policy, *, exact=False, **options):
    """The port of a server, and the served policy."""
    limits = options.setdefault("limits", Limits())
    served = ServedPolicy("toy", policy, "abc", max_sessions=limits.max_sessions, exact=exact)
    server, loop = GrootServer(served, Metrics(), **options), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(0), loop).result(TIMEOUT_S), served
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT_S)
        loop.close()
        served.close(TIMEOUT_S)


class Client:
    """A REQ socket, as GR00T's PolicyClient."""

    def __init__(self, port, token=None):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.RCVTIMEO, int(TIMEOUT_S * 1000))
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"tcp://127.0.0.1:{port}")
        self._token = {} if token is None else {"api_token": token}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._socket.close()
        self._context.term()

    def raw(self, frame):
        self._socket.send(frame)
        return msgpack.unpackb(self._socket.recv())

    def call(self, endpoint, **data):
        return self.raw(msgpack.packb({"endpoint": endpoint, "data": data, **self._token}))

    def act(self, images, states, text=TEXTS[0]):
        """The chunks [B, H, A] for images [B, T, Y, X, 3] and states [B, T, S]."""
        language = {"annotation.human.task_description": [[text]] * len(states)}
        seen = {"video": {"front": npy(images)}, "state": {"position": npy(states)}, "language": language}
        answer = self.call("get_action", observation=seen, options=None)
        assert isinstance(answer, list), answer
        assert answer[1] == {}
        return read(answer[0]["move"])


def drawn(rows, steps, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (rows, steps, 16, 16, 3), dtype=np.uint8)
    return images, rng.uniform(-1, 1, (rows, steps, 3)).astype(np.float32)


def test_exact_actions_are_those_of_the_policy_in_process():
    """Of two clients at once, before and after a reset."""
    policy = make_policy()
    with serving(policy, exact=True) as (port, _), Client(port) as first, Client(port) as second:
        for episode in range(2):
            histories = [[], []]
            for step in range(3):
                for number, client in enumerate((first, second)):
                    images, states = drawn(1, 1, seed=10 * episode + 2 * step + number)
                    histories[number].append(Observation({"front": images[0, 0]}, states[0, 0], TEXTS[0], step / 10))
                    key = f"connection/{number}" + (f"/{episode}" if episode else "")
                    query = Query(tuple(histories[number][-2:]), key, step, 0)
                    expected = policy.act([query], None)[0][0].chunk
                    np.testing.assert_array_equal(client.act(images, states)[0], expected)
            for client in (first, second):
                assert client.call("reset", options=None) == {}


def test_rows_and_steps_of_a_batch():
    """Each row is an episode, and the steps before the last are those just before the present."""
    policy = Gated()
    policy.window = make_policy().window
    with serving(policy) as (port, _), Client(port) as client:
        images, states = drawn(3, 2)
        found = client.act(images, states)
        np.testing.assert_array_equal(found[:, 0, 1], states[:, 1, 0])
    asked: list[Query] = [query for batch in policy.batches for query in batch]
    assert [query.row for query in asked] == [0, 1, 2]
    for row, query in enumerate(asked):
        np.testing.assert_array_equal([one.state for one in query.history], states[row])
        np.testing.assert_array_equal(query.history[0].images["front"], images[row, 0])


def test_the_modality_config_names_what_the_policy_sees_and_gives():
    with serving(make_policy()) as (port, _), Client(port) as client:
        found = client.call("get_modality_config")
        assert client.call("ping") == {"status": "ok", "message": "Server is running"}
    assert all(one["__ModalityConfig_class__"] for one in found.values())
    assert found["video"]["as_json"] == {"delta_indices": [-1, 0], "modality_keys": ["front"]}
    assert found["state"]["as_json"]["modality_keys"] == ["position"]
    assert found["action"]["as_json"] == {"delta_indices": [0, 1, 2, 3], "modality_keys": ["move"]}


def test_the_token_is_checked():
    with serving(Gated(), api_key="secret") as (port, _):
        with Client(port, "secret") as client:
            assert client.call("ping")["status"] == "ok"
        for token in (None, "secre", "ä"):
            with Client(port, token) as client:
                assert client.call("ping") == {"error": "expected the key of this server as api_token"}


SEEN = ("video", "front"), ("state", "position")


def wrong(**changes):
    images, states = drawn(1, 1)
    observation = {"video": {"front": npy(images)}, "state": {"position": npy(states)}, "language": {}}
    return msgpack.packb({"endpoint": "get_action", "data": {"observation": observation | changes}})


def test_where_one_row_cannot_be_asked_the_others_are_not_asked_either(monkeypatch):
    submit, policy = ClientSession.submit, Gated()

    def refuse_the_last(session, query, **options):
        if query.row == 2:
            raise PraxiaError("the thinker is ill")
        return submit(session, query, **options)

    with contextlib.ExitStack() as stack:
        port, served = stack.enter_context(serving(policy))
        busy, client = (stack.enter_context(Client(port)) for _ in range(2))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(policy.gate.set)
        policy.gate.clear()
        first = threads.submit(busy.act, *drawn(1, 1))
        policy.wait_started()
        frame = wrong(**{kind: {name: npy(value)} for (kind, name), value in zip(SEEN, drawn(2, 1), strict=True)})
        with monkeypatch.context() as patch:
            patch.setattr(ClientSession, "submit", refuse_the_last)
            assert client.raw(frame) == {"error": "the thinker is ill"}
        assert served.worker.num_waiting == 0
        policy.gate.set()
        first.result(TIMEOUT_S)
        assert client.act(*drawn(2, 1))[:, 0, 0].tolist() == [0, 0], "and no row has observed anything"
    assert policy.sizes()[0] == 1
    assert sum(policy.sizes()) == 3


def header(dtype, shape):
    return npy_head(repr({"descr": dtype, "fortran_order": False, "shape": shape}))


def npy_head(text):
    data = text.encode()
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


def npy_bytes(data):
    return {"position": {"__ndarray_class__": True, "as_npy": data}}


WRONG = {
    "no msgpack": (b"\xc1", "expected a msgpack message"),
    "a list": (msgpack.packb([]), "expected a request as a map"),
    "kill": (msgpack.packb({"endpoint": "kill"}), "unknown endpoint 'kill'"),
    "no observation": (msgpack.packb({"endpoint": "get_action", "data": {}}), "expected observation as a map"),
    "another camera": (wrong(video={"frnt": npy(np.zeros((1, 1, 4, 4, 3)))}), "unknown camera 'frnt'; nearest: front"),
    "another field": (wrong(state={"positoin": npy(np.zeros((1, 1, 3)))}), "unknown state field 'positoin'"),
    "no field": (wrong(state={}), "expected state field 'position', got none"),
    "another size": (wrong(state={"position": npy(np.zeros((1, 1, 4)))}), "as numbers [B, T, 3], got float64 [1, 1, 4"),
    "other rows": (wrong(state={"position": npy(np.zeros((2, 1, 3)))}), "one number of rows and steps"),
    "no rows": (wrong(state={"position": npy(np.zeros((0, 1, 3)))}), "expected 'position' as an array [B, T, ...]"),
    "an image of nothing": (wrong(video={"front": npy(np.zeros((1, 1, 0, 0, 3)))}), "expected image of 'front'"),
    "too few texts": (wrong(language={"task": []}), "expected 'task' as 1 texts"),
    "no npy": (wrong(state=npy_bytes(b"text")), "expected a .npy file"),
    "pickled": (wrong(state=npy_bytes(header("|O", (1,)))), "dtype"),
    "code": (wrong(state=npy_bytes(npy_head("__import__('os')"))), "expected a .npy file"),
    "endless": (wrong(state=npy_bytes(header("<f4", (9999999999,)))), "shape"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_has_one_line_and_the_server_goes_on(name):
    frame, line = WRONG[name]
    with serving(Gated()) as (port, _), Client(port) as client:
        error = client.raw(frame)["error"]
        assert line in error
        assert "\n" not in error
        assert client.act(*drawn(1, 1)).shape == (1, 1, 2)


def test_hundreds_of_strange_frames():
    good = wrong()
    with serving(Gated()) as (port, served), Client(port) as client, Client(port) as other:
        for number in range(300):
            rng = random.Random(number)
            frame = bytearray(good[: rng.randrange(1, len(good))] if number % 2 else good)
            for _ in range(rng.randrange(6)):
                frame[rng.randrange(len(frame))] = rng.randrange(256)
            answer = client.raw(bytes(frame) if number % 5 else rng.randbytes(rng.randrange(99)))
            if isinstance(answer, dict) and "error" in answer:
                assert "\n" not in answer["error"]
                assert 0 < len(answer["error"]) < 600
            if number % 50 == 0:
                assert other.act(*drawn(1, 1)).shape == (1, 1, 2)
        assert served.num_sessions <= 2


def test_fortran_order_is_read():
    images, states = drawn(2, 2)
    with serving(Gated()) as (port, _), Client(port) as client:
        np.testing.assert_array_equal(
            client.act(images, np.asfortranarray(states)), client.act(images, states) - [[[1, 0]]]
        )


def test_the_client_that_is_silent_longest_makes_room():
    policy = Remembering()
    with serving(policy, limits=Limits(max_sessions=2)) as (port, served), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(3)]
        images, states = drawn(1, 1)
        for client in clients:
            assert client.act(images, states)[0, 0].tolist() == [0, states[0, 0, 0]]
        assert served.num_sessions == 2
        assert clients[2].act(images, states)[0, 0, 0] == 1, "it has kept its place"
        assert clients[0].act(images, states)[0, 0, 0] == 0, "it has lost its place, and begins again"
    assert served.num_sessions == 0


def test_clients_that_only_reset_are_forgotten():
    with serving(Gated(), limits=Limits(max_sessions=2)) as (port, served), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(5)]
        for client in clients:
            assert client.call("reset", options=None) == {}
        for client in clients:
            assert client.act(*drawn(1, 1)).shape == (1, 1, 2)
        assert served.num_sessions == 2


def test_a_message_beyond_the_limit_costs_its_client_the_connection():
    with serving(Gated(), limits=Limits(max_message_bytes=4096)) as (port, _):
        context = zmq.Context()
        large = context.socket(zmq.REQ)
        large.setsockopt(zmq.LINGER, 0)
        large.connect(f"tcp://127.0.0.1:{port}")
        large.send(bytes(10_000))
        with Client(port) as client:
            assert client.call("ping")["status"] == "ok"
        assert not large.poll(100)
        large.close()
        context.term()
