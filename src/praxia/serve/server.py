"""The policy server: who may connect to which policy by which wire. Inference runs in threads, so this loop is free."""

import asyncio
import contextlib
import hmac
import logging
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from praxia.core.errors import PraxiaError, optional_import
from praxia.serve.connection import GOING_AWAY, INTERNAL_ERROR, Connection, Limits
from praxia.serve.conversations import WIRES, Wire
from praxia.serve.metrics import CONTENT_TYPE, Metrics
from praxia.serve.sessions import ServedPolicy

with optional_import("a policy server", "serve"):
    from websockets.asyncio.server import Server, ServerConnection, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
    from websockets.protocol import State

__all__ = ["HEALTH", "METRICS", "PolicyServer", "bind", "expect_names", "tls_context"]

LOG = logging.getLogger(__name__)
# What websockets reports of strangers' broken connections is no news.
_NETWORK_LOG = logging.getLogger(f"{__name__}.websockets")

# Kubernetes' and openpi's path, and that of vla-evaluation-harness.
HEALTH, METRICS = ("healthz", "health"), "metrics"


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS with a certificate (and its chain) and its key, both PEM files.

    Raises:
        PraxiaError: they are no such files, or do not belong together, or the key is encrypted.
        OSError: one of them is missing.
    """

    def no_password() -> str:
        raise PraxiaError(f"expected a key without a password, got an encrypted one: openssl pkey -in {key} -out PLAIN")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for file in (certificate, key):
        file.read_bytes()  # an error that names the file, which that of the next call does not
    try:
        context.load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        got = f"{certificate} and {key}: {error.reason or error}"
        raise PraxiaError(f"expected PEM files of a certificate and its key, got {got}") from error
    return context


def expect_names(names: Iterable[str]) -> None:
    """Raises PraxiaError: one of the names of policies is a path of the server."""
    reserved = (*HEALTH, METRICS, *(wire.path for wire in WIRES.values() if wire.path))
    for name in names:
        if not name or name in reserved or "/" in name:
            raise PraxiaError(f"expected the name of a policy to be no path of the server, got {name!r}")


def bind(host: str, port: int) -> socket.socket:
    """A socket at that address, on which nothing listens yet; 0 takes a free port.

    Raises:
        PraxiaError: no port. OSError: the address is in use, or not of this machine.
    """
    if not 0 <= port < 2**16:
        raise PraxiaError(f"expected a port from 0 to {2**16 - 1}, got {port}")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


class PolicyServer:
    """Serves `policies`, each under its name, over `wires`.

    HTTP: `/healthz` says OK (503: a policy infers no more), `/metrics` is Prometheus' text.
    Websockets: `/NAME` for openpi's clients and `/vla-eval/NAME`, both without NAME if there is one policy. With an
    `api_key` everything but health needs the header `Authorization: Api-Key KEY`; clients that send no headers may give
    it in the address, `/vla-eval?key=KEY`.

    Raises:
        PraxiaError: no policy, or one whose name is a path of the server.
    """

    def __init__(
        self,
        policies: Sequence[ServedPolicy],
        metrics: Metrics,
        *,
        wires: tuple[str, ...] = tuple(WIRES),
        limits: Limits | None = None,
        api_key: str | None = None,
        tls: ssl.SSLContext | None = None,
    ):
        self._policies = {policy.name: policy for policy in policies}
        expect_names(self._policies)
        if not policies:
            raise PraxiaError("expected at least one policy to serve, got none")
        self._metrics = metrics
        self._wires = {WIRES[name].path: WIRES[name] for name in wires}
        self._limits, self._api_key, self._tls = limits or Limits(), api_key, tls
        self._connections: set[Connection] = set()
        self._busy: set[Connection] = set()
        self.stopping = asyncio.Event()
        self._entering: list[ServerConnection] = []  # those silent longest first
        self._server: Server | None = None

    async def start(self, bound: socket.socket) -> int:
        """Listen on a socket that `bind` gave; its port.

        Raises:
            OSError: another program has begun to listen there.
        """
        _NETWORK_LOG.setLevel(logging.CRITICAL)
        limits = self._limits
        self._server = await serve(
            self._serve_connection,
            sock=bound,
            process_request=self._answer_http,
            compression=None,
            max_size=limits.max_message_bytes,
            max_queue=1,  # frames that wait behind the one that is being answered: each may be large
            create_connection=cast(type[ServerConnection], self._enter),
            open_timeout=limits.patience_s,
            ping_interval=limits.patience_s,
            ping_timeout=limits.patience_s,
            close_timeout=min(5.0, limits.patience_s),
            ssl=self._tls,
            logger=_NETWORK_LOG,
        )
        return bound.getsockname()[1]

    def addresses(self, host: str, port: int) -> list[str]:
        """Where clients find each policy by each wire."""
        scheme = "ws" if self._tls is None else "wss"
        base = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        names = [""] if len(self._policies) == 1 else list(self._policies)
        return ["/".join([base, *filter(None, (path, name))]) for path in self._wires for name in names]

    async def stop(self) -> None:
        """Let nobody in any more, answer what has been asked, close the connections with 1001, and end the workers.

        What clients send from now on is not read, and what is not answered after the clients' patience stays so.
        """
        self.stopping.set()
        if self._server is not None:
            self._server.close(close_connections=False)
            for one in self._entering:
                if one.state is State.CONNECTING:
                    _abort(one)
            deadline_s = time.monotonic() + self._limits.patience_s
            while self._busy and time.monotonic() < deadline_s:
                await asyncio.sleep(0.01)
            ends = [asyncio.ensure_future(one.end(GOING_AWAY, "the server is ending")) for one in self._connections]
            if ends:
                await asyncio.wait(ends, timeout=self._limits.patience_s)
            with contextlib.suppress(TimeoutError):  # an inference that takes longer ends with its worker
                await asyncio.wait_for(self._server.wait_closed(), self._limits.patience_s)
        for policy in self._policies.values():
            await asyncio.to_thread(policy.close)

    def _enter(self, *arguments: Any, **options: Any) -> ServerConnection:
        """The connection of somebody who has yet to say who it is and what it wants.

        Where there are more of them than allowed, the one that has been silent longest is disconnected.
        """
        entering = [one for one in self._entering if one.state is State.CONNECTING]
        for one in entering[: max(0, len(entering) + 1 - self._limits.max_entering)]:
            asyncio.get_running_loop().call_soon(_abort, one)  # of several that come at once none is connected yet
        self._entering = [*entering, ServerConnection(*arguments, **options)]
        return self._entering[-1]

    def _answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request that opens no websocket; None: it opens one."""
        path = _path(request)
        if path in HEALTH:
            if ended := [policy.name for policy in self._policies.values() if not policy.worker.is_alive]:
                text = f"the inference of {ended[0]!r} has ended; see the server's log\n"
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, text)
            return connection.respond(HTTPStatus.OK, "OK\n")
        if (text := self._no_entry(request)) is not None:
            return self._refuse(connection, HTTPStatus.UNAUTHORIZED, text)
        if path == METRICS:
            response = connection.respond(HTTPStatus.OK, self._metrics.text().decode())
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = CONTENT_TYPE
            return response
        try:
            policy, _ = self._route(path)
        except PraxiaError as error:
            return self._refuse(connection, HTTPStatus.NOT_FOUND, str(error))
        if policy.num_sessions == policy.max_sessions:
            text = f"the server is full: all {policy.max_sessions} sessions of {policy.name!r} are in use"
            return self._refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    def _no_entry(self, request: Request) -> str | None:
        """Why the request has not the key of this server; None: it has, or needs none."""
        if self._api_key is None:
            return None
        given = request.headers.get_all("Authorization")
        wire = self._wires.get(_path(request).partition("/")[0])
        if not given and wire is not None and wire.key_in_address:
            given = [f"Api-Key {key}" for key in filter(None, [_parameters(request).get("key")])]
        if len(given) != 1 or not given[0].startswith("Api-Key "):
            return "expected the header Authorization: Api-Key KEY"
        expected = f"Api-Key {self._api_key}".encode()
        is_right = hmac.compare_digest(given[0].encode(errors="replace"), expected)
        return None if is_right else "expected the key of this server, got another one"

    def _refuse(self, connection: ServerConnection, status: HTTPStatus, text: str) -> Response:
        self._metrics.refused(status)
        LOG.info("refused %s: %s", connection.remote_address, text)
        return connection.respond(status, f"{text}\n")

    def _route(self, path: str) -> tuple[ServedPolicy, Wire]:
        """The policy and the wire of a path. Raises PraxiaError: there is none."""
        wire, _, name = path.partition("/") if path.partition("/")[0] in self._wires else ("", "", path)
        names = list(self._policies)
        if wire not in self._wires or (name and name not in names):
            nearest = get_close_matches(name, names, n=1, cutoff=0.0)
            near, served = self._paths(nearest, [wire] if wire in self._wires else None), ", ".join(self._paths(names))
            raise PraxiaError(f"expected the path {near[0]}, got {path[:80]!r}; served are: {served}")
        if not name and len(names) > 1:
            paths = self._paths(names, [wire])
            raise PraxiaError(f"expected the path of a policy, such as {paths[0]}; served are: {', '.join(paths)}")
        return self._policies[name or names[0]], self._wires[wire]

    def _paths(self, names: Sequence[str], wires: Sequence[str] | None = None) -> list[str]:
        """The paths of policies, by `wires` (None: all)."""
        return ["/".join(["", *filter(None, (wire, name))]) for wire in wires or self._wires for name in names]

    async def _serve_connection(self, client: ServerConnection) -> None:
        assert client.request is not None
        policy, wire = self._route(_path(client.request))
        try:
            session = policy.open()
        except PraxiaError as error:  # the last place was taken while it connected
            await client.close(INTERNAL_ERROR, str(error)[:100])
            return
        parameters = _parameters(client.request)
        known = self._limits, self._metrics, self._busy, self.stopping
        connection = Connection(client, session, parameters, *known)
        self._connections.add(connection)
        self._metrics.sessions(policy.name, policy.num_sessions)
        LOG.info("opened %s of %s for %s", session.key, policy.name, client.remote_address)
        talking = asyncio.ensure_future(wire.serve(connection))
        gone = asyncio.ensure_future(client.wait_closed())
        try:
            await asyncio.wait((talking, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:  # of a client that has gone nothing goes on: its row may be another's
            session.close()
            talking.cancel()
            gone.cancel()
            self._connections.discard(connection)
            self._busy.discard(connection)
            self._metrics.sessions(policy.name, policy.num_sessions)
        try:
            await talking
        except (ConnectionClosed, TimeoutError):
            pass
        except asyncio.CancelledError:
            if client.close_code is None:  # not because the client has gone
                raise
        except Exception:
            LOG.exception("%s of %s failed", session.key, policy.name)
            await client.close(INTERNAL_ERROR, "an error inside the server; see its log")


def _abort(connection: ServerConnection) -> None:
    """Disconnect a client without a goodbye, if its connection is made."""
    if (transport := getattr(connection, "transport", None)) is not None:
        transport.abort()


def _path(request: Request) -> str:
    """The path of a request without its slash at the beginning and end, and without a query."""
    try:
        return unquote(urlsplit(request.path).path).strip("/")
    except ValueError:
        return request.path[:80]


def _parameters(request: Request) -> dict[str, str]:
    """The parameters of an address, the last of each name."""
    try:
        return dict(parse_qsl(urlsplit(request.path).query))
    except ValueError:
        return {}
