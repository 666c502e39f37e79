"""For tests of serving: a policy that a test stops inside an inference, one that remembers, a server in a thread."""

import asyncio
import http.client
import threading
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from praxia_testing import EMBODIMENT
from websockets.sync.client import connect
from websockets.sync.server import serve

from praxia.core.types import Decision, Query
from praxia.core.window import Window
from praxia.serve.connection import Limits
from praxia.serve.metrics import Metrics
from praxia.serve.server import PolicyServer, bind
from praxia.serve.sessions import ServedPolicy

TIMEOUT_S = 30.0


class Gated:
    """Decides [[step, state[0]]] and counts its batches; an inference waits while the gate is closed."""

    window = Window({"state": (0,), "image.front": (0,)}, 1)
    privileged = False
    embodiment = EMBODIMENT

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self.batches: list[list[Query]] = []

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        self.batches.append(list(queries))
        self.started.release()
        assert self.gate.wait(TIMEOUT_S)
        return [_decision(one.step, one.history[-1].state[0]) for one in queries], None

    def sizes(self):
        return [len(batch) for batch in self.batches]

    def wait_started(self):
        assert self.started.acquire(timeout=TIMEOUT_S)


class Remembering(Gated):
    """Decides [[step, sum of the states of the episode]]; the carry is an array that is never changed in place."""

    def start(self, num_rows: int) -> np.ndarray:
        return np.zeros(num_rows, np.float32)

    def act(self, queries: Sequence[Query], carry: np.ndarray) -> tuple[list[Decision], np.ndarray]:
        super().act(queries, None)
        carry = carry.copy()
        for one in queries:
            carry[one.row] = (carry[one.row] if one.step else 0) + one.history[-1].state[0]
        return [_decision(one.step, carry[one.row]) for one in queries], carry


def _decision(*action):
    return Decision(np.array([action], np.float32), np.ones(1, bool))


def observed(value=0.0):
    """An observation of the toy embodiment whose state begins with `value`."""
    state = np.array([value, 0, 0], np.float32)
    return {"images": {"front": np.zeros((16, 16, 3), np.uint8)}, "state": state, "instruction": "lift the cup"}


class ServerThread:
    """A server that listens on a free port of this machine while it is open; its loop runs in a thread."""

    def __init__(self, policies, **options):
        self.metrics = Metrics()
        self.limits = options.setdefault("limits", Limits())
        self.policies = [
            ServedPolicy(
                name,
                policy,
                "abc",
                max_sessions=self.limits.max_sessions,
                exact=options.get("exact", False),
                report=partial(self.metrics.batch, name),
            )
            for name, policy in policies.items()
        ]
        options.pop("exact", None)
        self.server = PolicyServer(self.policies, self.metrics, **options)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT_S)

    def __enter__(self):
        self.thread.start()
        self.port = self.call(self.server.start(bind("127.0.0.1", 0)))
        return self

    def __exit__(self, *error):
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(TIMEOUT_S)
        self.loop.close()

    def connect(self, path="", scheme="ws", **options):
        """A websocket of a client."""
        options = {"compression": None, "open_timeout": TIMEOUT_S, "close_timeout": TIMEOUT_S, **options}
        return connect(f"{scheme}://127.0.0.1:{self.port}/{path}", **options)

    def get(self, path, headers=None):
        """The status and the text of an HTTP request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def until(self, condition):
        """Wait until `condition()` holds."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)


class ForeignServer:
    """Another project's server, in a thread while it is open; a subclass says what it does with a connection."""

    def __enter__(self):
        self.server = serve(self.handle, "127.0.0.1", 0, compression=None)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.address = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}"
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.thread.join(TIMEOUT_S)
