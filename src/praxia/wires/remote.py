"""A policy that is a server elsewhere: the other end of `praxia serve`, and of openpi's server."""

import contextlib
import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, crash_text, optional_import
from praxia.core.types import Decision, Observation, Query
from praxia.core.window import Window
from praxia.wires import openpi
from praxia.wires.messages import InferenceReply, InferenceRequest, PolicyDescription

if TYPE_CHECKING:
    from websockets.http11 import Response
    from websockets.sync.client import ClientConnection

__all__ = [
    "CLIENT_API_KEY",
    "OPEN_S",
    "REPLY_S",
    "SEND_S",
    "Connection",
    "Dialect",
    "PraxiaDialect",
    "RemotePolicy",
    "connect_policy",
]

# The environment variable with the key of servers whose address is given. The key of one's own server, which
# `praxia serve` reads, is in another: it is for nobody else to see.
CLIENT_API_KEY = "PRAXIA_CLIENT_API_KEY"
# How long it may take to connect, to send a request, and to get its reply: a first inference may compile for a minute.
OPEN_S, SEND_S, REPLY_S = 20.0, 20.0, 300.0
# How long goodbyes may take, those of all connections together.
CLOSE_S = 1.0


@runtime_checkable
class Dialect(Protocol):
    """What is said to one kind of server, as frames of its websocket.

    `names_episodes`: a request says which episode it belongs to. Else a connection is one episode.
    """

    @property
    def names_episodes(self) -> bool: ...

    def identity(self, hello: bytes | str) -> Any:
        """What a server that said `hello` is, a JSON value equal for all of its connections.

        Raises:
            PraxiaError: it said that something is wrong.
        """
        ...

    def request(self, query: Query) -> bytes:
        """The frame that asks about `query`."""
        ...

    def reply(self, frame: bytes | str) -> InferenceReply:
        """The answer. Raises PraxiaError: the server answered with an error."""
        ...


@dataclass(frozen=True)
class PraxiaDialect:
    """All that a query holds, by openpi's wire with Praxia's entries: the server needs to remember nothing."""

    cameras: tuple[str, ...]

    @property
    def names_episodes(self) -> bool:
        return True

    def identity(self, hello: bytes | str) -> dict[str, Any] | None:
        description = openpi.decode_hello(hello)
        return None if description is None else replace(description, episode="").to_json()

    def request(self, query: Query) -> bytes:
        *earlier, present = (self._observation(one) for one in query.history)
        return openpi.encode_request(
            InferenceRequest(
                present,
                episode=query.key,
                step=query.step,
                earlier=tuple(earlier),
                delay=query.delay,
                committed=query.committed,
                planned=query.planned,
            )
        )

    def reply(self, frame: bytes | str) -> InferenceReply:
        return openpi.decode_reply(frame)

    def _observation(self, observation: Observation) -> dict[str, Any]:
        images = {camera: observation.images[camera] for camera in self.cameras}
        found = {"images": images, "state": observation.state, "instruction": observation.instruction}
        return {**found, "streams": dict(observation.streams)}


class RemotePolicy:
    """A `core.types.Policy` whose decisions a server makes. Each row has a connection of its own, opened when needed.

    Where the dialect does not name episodes, a row's connection is opened anew at the first step of each. `hello` is
    what the server said when its policy was identified: a connection to another policy is an error. `key_variable` is
    the environment variable with the server's key (None: it has none). `longest_delay` is the longest delay, in control
    steps, that the policy takes (None: any, or the server does not say). `thinks_beside`: intents of two systems arrive
    when they are ready (`PolicyDescription`).

    Requests of one batch are sent before the first reply is awaited, so that the server can gather them. An answer that
    is an error of the server is a fault of its episode. A connection that is lost ends the evaluation instead: rows
    that were written are kept, and `--resume` goes on.
    """

    privileged = False
    device = "remote"

    def __init__(
        self,
        address: str,
        embodiment: Embodiment,
        window: Window,
        dialect: Dialect,
        fingerprint: Mapping[str, Any],
        hello: bytes | str,
        *,
        key_variable: str | None = CLIENT_API_KEY,
        longest_delay: int | None = None,
        thinks_beside: bool = False,
    ):
        self.address = address
        self.embodiment = embodiment
        self.window = window
        self.longest_delay = longest_delay
        self.thinks_beside = thinks_beside
        self._dialect = dialect
        self._fingerprint = dict(fingerprint)
        self._identity = json.dumps(dialect.identity(hello))
        self._key_variable = key_variable
        self._connections: dict[int, Connection] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._connections)

    def fingerprint(self) -> dict[str, Any]:
        """What the server said of the policy's identity."""
        return self._fingerprint

    def start(self, num_rows: int) -> None:
        """No carry: what a policy remembers is with the server, by episode."""
        return

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        """Ask about all of `queries`, then read the answers.

        Raises:
            PraxiaError: the server cannot be reached, it serves another policy now, or the connection was lost. All
                connections are closed then: a reply that was not read must not answer the next question.
        """
        try:
            for query in queries:
                self._send(query)
            return [self._receive(query.row) for query in queries], None
        except BaseException:
            _close_all(self._connections)
            raise

    def close(self) -> None:
        """Close all connections; also done when the policy is no longer used."""
        self._finalizer()

    def _send(self, query: Query) -> None:
        if query.step == 0 and not self._dialect.names_episodes and query.row in self._connections:
            self._connections.pop(query.row).close()
        if query.row not in self._connections:
            self._connections[query.row] = self._connect()
        try:
            self._connections[query.row].send(self._dialect.request(query))
        except (*_closed_error(), TimeoutError) as error:
            self._lost(error)

    def _connect(self) -> "Connection":
        connection = Connection(self.address, self._key_variable)
        try:
            if json.dumps(self._dialect.identity(connection.hello)) != self._identity:
                raise PraxiaError(
                    f"expected the policy that {self.address} served at the beginning, got another one: judge it by a"
                    " command of its own"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def _receive(self, row: int) -> Decision:
        try:
            frame = self._connections[row].socket.recv(REPLY_S)
        except (*_closed_error(), TimeoutError) as error:
            self._lost(error)
        try:
            actions = self._dialect.reply(frame).actions
        except PraxiaError as error:
            self._connections.pop(row).close()  # the server has closed it, too
            action_dim = self.embodiment.action_dim
            nothing = np.zeros((0, action_dim), np.float32), np.zeros(0, dtype=bool)
            return Decision(*nothing, fault=f"at {self.address} answered: {error}")
        return Decision(actions, np.ones(len(actions), dtype=bool))

    def _lost(self, error: BaseException) -> NoReturn:
        why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else crash_text(error))
        raise PraxiaError(
            f"the connection to {self.address} was lost ({why}); start the server, and run the same command again with"
            " --resume"
        ) from error


def connect_policy(address: str, embodiment: Embodiment | None = None) -> RemotePolicy:
    """The policy that Praxia's server at `address` serves; whether it fits `embodiment` is for the caller to check.

    Raises:
        PraxiaError: nobody answers there, the key is wrong, or the server does not say what its policy is.
    """
    connection = Connection(address)
    connection.close()
    description = openpi.decode_hello(connection.hello)
    if description is None:
        raise PraxiaError(
            f"the server at {address} does not say what its policy is, so it is not Praxia's: describe it in a JSON"
            " file and name that, see docs/GUIDE.md#serving"
        )
    dialect = PraxiaDialect(description.window.cameras)
    return RemotePolicy(
        address,
        description.embodiment,
        description.window,
        dialect,
        _identity(description),
        connection.hello,
        longest_delay=description.longest_delay,
        thinks_beside=description.thinks_beside,
    )


def _identity(description: PolicyDescription) -> dict[str, Any]:
    return {
        "policy_sha256": description.policy_sha256,
        "weights_sha256": description.weights_sha256,
        "exact": description.exact,
    }


class Connection:
    """A connection to a server that speaks first; `hello` is what it said.

    `key_variable` is the environment variable whose value, if it is set, is sent as the key. None: no key is.

    Raises:
        PraxiaError: nobody answers there, or the connection is refused.
    """

    def __init__(self, address: str, key_variable: str | None = CLIENT_API_KEY):
        with optional_import("a policy server elsewhere", "serve"):
            from websockets.exceptions import InvalidStatus, WebSocketException
            from websockets.sync.client import connect
        key = os.environ.get(key_variable) if key_variable else None
        headers = {"Authorization": f"Api-Key {key}"} if key else None
        options = {"compression": None, "max_size": None, "additional_headers": headers}
        self._stack = ExitStack()
        try:
            opened = connect(address, open_timeout=OPEN_S, close_timeout=CLOSE_S, **options)
            self.socket: ClientConnection = self._stack.enter_context(opened)
            self.hello = self.socket.recv(OPEN_S)
        except InvalidStatus as error:
            raise PraxiaError(f"the server at {address} refused {_refusal(error.response, key_variable)}") from error
        except (OSError, WebSocketException, ValueError) as error:
            self._stack.close()
            got = str(error) or crash_text(error)
            raise PraxiaError(f"expected a policy server at {address}, got {got}; start one: praxia serve") from error

    def send(self, frame: bytes) -> None:
        """Send a frame.

        Raises:
            websockets.exceptions.ConnectionClosed: the connection was lost.
            TimeoutError: the server does not read what it is sent.
        """
        is_late = threading.Event()

        def abort() -> None:
            is_late.set()
            with contextlib.suppress(OSError):
                self.socket.socket.shutdown(socket.SHUT_RDWR)

        watchdog = threading.Timer(SEND_S, abort)
        watchdog.daemon = True
        watchdog.start()
        try:
            self.socket.send(frame)
        except _closed_error() as error:
            if is_late.is_set():
                raise TimeoutError(f"it did not read a request in {SEND_S:g} s") from error
            raise
        finally:
            watchdog.cancel()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Say goodbye, for at most `timeout_s`. A second call does nothing."""
        self.socket.close_timeout = timeout_s
        self._stack.close()


def _refusal(response: "Response", key_variable: str | None) -> str:
    text = (response.body or b"").decode(errors="replace").strip().partition("\n")[0]
    where = key_variable or 'the environment variable named as "api_key_variable" beside its address'
    hint = f"; the key is read from {where}" if response.status_code == 401 else ""
    return f"({response.status_code}): {text}{hint}"


def _closed_error() -> tuple[type[Exception], ...]:
    from websockets.exceptions import ConnectionClosed

    return (ConnectionClosed,)


def _close_all(connections: dict[int, Connection]) -> None:
    deadline_s = time.monotonic() + CLOSE_S
    while connections:
        connections.popitem()[1].close(max(0.0, deadline_s - time.monotonic()))
