"""`praxia serve POLICY... [--host H] [--port N] [--wires openpi] [--exact] ...`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from praxia.cli.arguments import names_of, parse
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.types import CompileMode, Guidance, Sampling
from praxia.studio.console import say

if TYPE_CHECKING:
    from praxia.serve.metrics import Metrics
    from praxia.serve.sessions import ServedPolicy

__all__ = ["run"]

# The environment variable with the key that clients have to send.
API_KEY = "PRAXIA_API_KEY"
GROOT = "groot"
# Compiled policies are compiled for batches of these sizes; larger ones are decided in parts.
BATCH_SIZES = (1, 2, 4, 8)


@dataclass(frozen=True)
class ServeArguments:
    """Serve policies over the network, to clients that the field already has, until Ctrl-C or SIGTERM."""

    policies: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[NAME=]POLICY...")]
    """Folders of policies or training runs. One is found at every wire's own path, several at /NAME; NAME is the
    folder's, if it is not given."""
    host: str = "127.0.0.1"
    """The address to listen on. The default lets in this machine alone; 0.0.0.0 lets in every other."""
    port: int = 8000
    """The port; 0 takes a free one, which is printed."""
    wires: Annotated[str, tyro.conf.arg(metavar="NAME,...")] = "openpi,vla-eval"
    """How clients talk: openpi (at the policies' names), vla-eval (below /vla-eval) and groot (ZeroMQ, on this machine
    alone, one policy)."""
    groot_port: int = 5555
    """The port of the wire groot; 0 takes a free one, which is printed."""
    exact: bool = False
    """One request per inference: actions are those of the policy in process, bit for bit. Without it the requests of
    all clients are gathered."""
    embodiment: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Of a policy that was trained on several: the one it acts for."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """The number of flow or diffusion steps to sample with, in place of the policy's own."""
    temperature: Annotated[float | None, tyro.conf.arg(metavar="T")] = None
    """The temperature to sample tokens at, in place of the policy's own; 0 takes the likeliest."""
    guidance: Annotated[Guidance | None, tyro.conf.arg(metavar="vjp|identity")] = None
    """Guide flow or diffusion so that a chunk continues what a client says is `planned` (real-time chunking), as in
    `praxia eval`."""
    precision: Annotated[Literal["bf16"] | None, tyro.conf.arg(metavar="bf16")] = None
    """Round weights and arithmetic to bfloat16, as in `praxia eval`."""
    compile: Annotated[CompileMode | None, tyro.conf.arg(metavar="kernels|cuda-graph")] = None
    """Compile the policies before listening, which takes minutes: the same actions up to rounding, sooner. cuda-graph
    also captures a decision as one launch (a GPU)."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where the policies run. Default: a GPU if there is one."""
    api_key_file: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A file with the key that clients have to send. Default: the environment variable PRAXIA_API_KEY, if set."""
    certificate: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A PEM file of a certificate and its chain: clients then connect by wss://. Needs --key."""
    key: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The PEM file of the certificate's key."""
    max_sessions: int = 256
    """Clients at once under each policy."""
    max_message_mb: int = 32
    """The largest message of a client."""
    max_rate_hz: float = 1000.0
    """Messages a second of each client, beyond which it waits."""
    json: bool = False
    """Print one JSON object on stdout at the end."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Serve until a signal ends it, and return {policies, host, port, requests}."""
    options = parse(ServeArguments, arguments, "praxia serve", example="praxia serve runs/two --port 8000")
    named = _named(options.policies)
    api_key = _api_key(options.api_key_file)
    if (options.certificate is None) != (options.key is None):
        raise PraxiaError(
            "expected --certificate and --key, got one of them; a certificate is of no use without its key"
        )

    from praxia.serve.connection import Limits
    from praxia.serve.conversations import WIRES
    from praxia.serve.metrics import Metrics
    from praxia.serve.run import serve_until_signal
    from praxia.serve.server import PolicyServer, bind, expect_names, tls_context

    wires = names_of(options.wires)
    if not wires:
        raise PraxiaError(f"expected at least one wire of {', '.join((*WIRES, GROOT))}, got none")
    for wire in wires:
        if wire not in (*WIRES, GROOT):
            raise UnknownName("wire", wire, (*WIRES, GROOT), "praxia serve --help")
    if GROOT in wires and len(named) > 1:
        raise PraxiaError(f"expected one policy for the wire {GROOT}, which cannot name one, got {len(named)}")
    tls = None if options.certificate is None or options.key is None else tls_context(options.certificate, options.key)
    limits = Limits(options.max_sessions, options.max_message_mb * 2**20, options.max_rate_hz)
    expect_names(named)
    if GROOT in wires:
        bind("127.0.0.1", options.groot_port).close()  # its error comes before a policy is loaded
    metrics = Metrics()
    with bind(options.host, options.port) as bound:
        policies = [_load(name, folder, options, limits.max_sessions, metrics) for name, folder in named.items()]
        for policy in policies:
            say(f"warmed up {policy.name} in {policy.warm_up():.1f} s")
        over_http = tuple(wire for wire in wires if wire != GROOT)
        server = PolicyServer(policies, metrics, wires=over_http, limits=limits, api_key=api_key, tls=tls)
        groot = None
        if GROOT in wires:
            from praxia.serve.groot import GrootServer

            groot = GrootServer(policies[0], metrics, limits=limits, api_key=api_key), options.groot_port
        if api_key is None and options.host not in ("127.0.0.1", "::1", "localhost"):
            say(f"anybody who reaches {options.host} may ask: give a key by --api-key-file or {API_KEY}")
        port = serve_until_signal(server, bound, announce=say, groot=groot)
    found = {"policies": [policy.name for policy in policies], "host": options.host, "port": port}
    return {**found, "requests": metrics.num_replied}


def _named(policies: tuple[str, ...]) -> dict[str, Path]:
    """Folders by name: what stands before "=", else the last part of the path that is not "policy".

    A text that is a folder is no name and another one, whatever is in it.

    Raises:
        PraxiaError: none, or two of one name.
    """
    if not policies:
        raise PraxiaError("expected the folder of a policy to serve, got none: praxia serve runs/two")
    named: dict[str, Path] = {}
    for text in policies:
        name, equals, folder = ("", "", "") if Path(text).exists() else text.partition("=")
        path = Path(folder if equals else text)
        full = path.resolve()
        name = name if equals else full.parent.name if full.name == "policy" else full.name
        if name in named:
            raise PraxiaError(f"expected a name for each policy, got {name!r} for two: write NAME=FOLDER")
        named[name] = path
    return named


def _api_key(file: Path | None) -> str | None:
    """The key that clients have to send; None: they need none.

    Raises:
        PraxiaError: the file is empty, or no text.
    """
    try:
        key = os.environ.get(API_KEY, "") if file is None else file.read_text().strip()
    except UnicodeDecodeError as error:
        raise PraxiaError(f"expected a key as a text in {file}, got bytes that are none") from error
    if not key and file is not None:
        raise PraxiaError(f"expected a key in {file}, got an empty file")
    return key or None


def _load(name: str, folder: Path, options: ServeArguments, max_sessions: int, metrics: "Metrics") -> "ServedPolicy":
    import torch

    from praxia.checkpoint.store import load_bound_policy
    from praxia.nn.device import find_device
    from praxia.policies.interface import compile_policy
    from praxia.serve.sessions import ServedPolicy

    if options.exact:  # as `praxia eval --exact`: the number of threads can change the last bits
        torch.set_num_threads(1)
    sampling = Sampling(options.steps, options.temperature, options.guidance, options.precision)
    policy, identity = load_bound_policy(folder, options.embodiment, find_device(options.device), sampling)
    if options.compile is not None:
        say(f"compiling {name}, which may take minutes")
        policy = compile_policy(policy, options.compile, (1,) if options.exact else BATCH_SIZES)
    return ServedPolicy(
        name,
        policy,
        identity.policy_sha256,
        identity.weights_sha256,
        max_sessions=max_sessions,
        exact=options.exact,
        report=lambda batch: metrics.batch(name, batch),
    )
