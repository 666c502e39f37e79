"""The server over real sockets: openpi's wire, HTTP, keys, limits, and an end that leaves nobody without an answer."""

import asyncio
import contextlib
import io
import socket
import subprocess
import threading
import time
from pathlib import Path

import msgpack
import numpy as np
import pytest
from PIL import Image
from praxia_testing import make_policy
from serving_testing import TIMEOUT_S, Gated, Remembering, ServerThread, observed
from websockets.exceptions import ConnectionClosed, InvalidStatus

from praxia.core.errors import PraxiaError
from praxia.core.types import ChunkExecution
from praxia.rollout.session import Session
from praxia.serve import sessions
from praxia.serve.connection import Limits
from praxia.serve.server import tls_context
from praxia.wires import openpi, vla_eval
from praxia.wires.messages import InferenceRequest
from praxia.wires.packing import pack

SMALL = np.zeros((16, 16, 3), np.uint8)


def request(value=0.0, **options):
    return openpi.encode_request(InferenceRequest(observed(value), **options))


def infer(client, value=0.0, **options):
    client.send(request(value, **options))
    return openpi.decode_reply(client.recv(TIMEOUT_S)).actions[0].tolist()


def hello(client):
    return openpi.decode_hello(client.recv(TIMEOUT_S))


def test_the_server_speaks_first_and_answers():
    with ServerThread({"toy": Gated()}) as server, server.connect() as client:
        description = hello(client)
        assert (description.name, description.episode) == ("toy", "connection/0")
        client.send(request(2))
        first = msgpack.unpackb(client.recv(TIMEOUT_S))
        assert set(first) == {"actions", "policy_timing", "server_timing"}
        assert set(first["server_timing"]) == {"infer_ms"}
        client.send(request(3))
        second = msgpack.unpackb(client.recv(TIMEOUT_S))
        assert second["server_timing"]["prev_total_ms"] >= 0
        assert np.frombuffer(second["actions"][b"data"], "<f4").tolist() == [1, 3]


def test_exact_actions_are_those_of_the_policy_in_process():
    policy, rng = make_policy(), np.random.default_rng(0)
    local = Session(policy, ChunkExecution(4), key="connection")
    with ServerThread({"toy": policy}, exact=True) as server:
        for _ in range(2):
            with server.connect() as client:
                hello(client)
                for _ in range(2):
                    image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                    state = rng.uniform(-1, 1, 3).astype(np.float32)
                    observation = {"images": {"front": image}, "state": state, "instruction": "lift the cup"}
                    client.send(openpi.encode_request(InferenceRequest(observation)))
                    found = openpi.decode_reply(client.recv(TIMEOUT_S)).actions
                    np.testing.assert_array_equal(found, local.chunk(observation))
            local.reset()


def test_an_error_is_a_text_and_ends_that_connection_alone():
    with ServerThread({"toy": Remembering()}) as server, server.connect() as other, server.connect() as client:
        hello(other), hello(client)
        infer(other, 1)
        client.send(b"\xc1")
        assert "expected a msgpack message" in client.recv(TIMEOUT_S)
        with pytest.raises(ConnectionClosed):
            client.recv(TIMEOUT_S)
        assert client.close_code == 1011
        assert infer(other, 2) == [1, 3]
        with server.connect() as again:
            hello(again)
            assert infer(again, 5) == [0, 5]
        assert 'praxia_errors_total{policy="toy"} 1.0' in server.get("/metrics")[1]


def test_health_and_metrics_answer_during_inference():
    policy = Gated()
    with ServerThread({"toy": policy}) as server, server.connect() as client:
        hello(client)
        policy.gate.clear()
        client.send(request())
        policy.wait_started()
        assert server.get("/healthz") == (200, "OK\n")
        status, text = server.get("/metrics")
        assert status == 200
        assert 'praxia_sessions{policy="toy"} 1.0' in text
        policy.gate.set()
        openpi.decode_reply(client.recv(TIMEOUT_S))
        assert 'praxia_batch_size_count{policy="toy"} 1.0' in server.get("/metrics")[1]


def test_waiting_requests_of_all_clients_are_one_batch():
    policy = Gated()
    with ServerThread({"toy": policy}) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(4)]
        for client in clients:
            hello(client)
        policy.gate.clear()
        clients[0].send(request(0))
        policy.wait_started()
        for value, client in enumerate(clients[1:], 1):
            client.send(request(value))
        worker = server.policies[0].worker
        server.until(lambda: worker.num_waiting == 3)
        policy.gate.set()
        for value, client in enumerate(clients):
            assert openpi.decode_reply(client.recv(TIMEOUT_S)).actions[0].tolist() == [0, value]
        assert policy.sizes() == [1, 3]


def test_a_client_that_goes_away_frees_its_place_and_its_request():
    policy = Gated()
    limits = Limits(max_sessions=2)
    with ServerThread({"toy": policy}, limits=limits) as server, server.connect() as first:
        hello(first)
        policy.gate.clear()
        first.send(request(1))
        policy.wait_started()
        with server.connect() as second:
            hello(second)
            second.send(request(2))
            server.until(lambda: server.policies[0].worker.num_waiting == 1)
            with pytest.raises(InvalidStatus) as refused:
                server.connect()
            assert refused.value.response.status_code == 503
            assert "the server is full: all 2 sessions of 'toy'" in refused.value.response.body.decode()
        server.until(lambda: server.policies[0].num_sessions == 1)
        policy.gate.set()
        openpi.decode_reply(first.recv(TIMEOUT_S))
        with server.connect() as third:
            hello(third)
            assert infer(third, 3) == [0, 3]
    assert [[one.history[-1].state[0] for one in batch] for batch in policy.batches] == [[1], [3]]


def test_a_request_of_a_client_that_has_gone_is_never_made():
    """It waits for its turn while its client goes and another gets its row."""
    limits = Limits(max_sessions=1, max_rate_hz=3.0)
    with ServerThread({"toy": Remembering()}, limits=limits) as server:
        with server.connect() as first:
            hello(first)
            assert infer(first, 1) == [0, 1]
            first.send(request(500))
            server.until(lambda: server.server._busy)
            first.socket.shutdown(socket.SHUT_RDWR)
        server.until(lambda: server.policies[0].num_sessions == 0)
        with server.connect() as second:
            hello(second)
            assert [infer(second, 10), infer(second, 20), infer(second, 30)] == [[0, 10], [1, 30], [2, 60]]
    assert len(server.policies[0].worker._policy.policy.batches) == 4


def compressed(value):
    file = io.BytesIO()
    Image.fromarray(value).save(file, "PNG")
    return {"__image__": True, "format": "png", "data": file.getvalue()}


@pytest.mark.parametrize(
    ("image", "path", "is_beside"),
    [
        (SMALL, "", False),
        (compressed(SMALL), "", True),
        (np.zeros((32, 48, 3), np.uint8), "", True),
        (SMALL.astype(np.float32), "", True),
        (compressed(SMALL), "vla-eval", True),
        (SMALL, "vla-eval", False),
    ],
)
def test_images_are_decoded_and_resized_beside_the_loop(monkeypatch, image, path, is_beside):
    """Health and the other clients are answered meanwhile. What takes no time is read in the loop itself."""
    threads = []
    parse = sessions.parse_observation

    def parse_here(*arguments):
        threads.append(threading.current_thread())
        return parse(*arguments)

    monkeypatch.setattr(sessions, "parse_observation", parse_here)
    with ServerThread({"toy": Gated()}) as server, server.connect(path) as client:
        observation = {"images": {"front": image}, "state": np.zeros(3, np.float32)}
        if path == "":
            client.recv(TIMEOUT_S)
            client.send(pack(observation))
            openpi.decode_reply(client.recv(TIMEOUT_S))
        else:
            client.send(vla_eval.encode(vla_eval.Message("observation", observation, 1)))
            assert vla_eval.decode(client.recv(TIMEOUT_S)).type == "action"
        assert [one is not server.thread for one in threads] == [is_beside]


def test_a_deeply_nested_message_is_refused_beside_the_loop():
    nested = []
    for _ in range(400):
        nested = [nested]
    with ServerThread({"toy": Gated()}) as server, server.connect() as client:
        hello(client)
        client.send(pack({"prompt": nested}))
        assert "expected prompt as a text, got a list" in client.recv(TIMEOUT_S)


def test_health_says_that_a_policy_infers_no_more():
    with ServerThread({"toy": Gated()}) as server:
        server.policies[0].worker.close(TIMEOUT_S)
        assert server.get("/healthz") == (503, "the inference of 'toy' has ended; see the server's log\n")


def test_the_deadline_counts_from_the_arrival():
    with ServerThread({"toy": Gated()}, limits=Limits(max_rate_hz=5.0)) as server, server.connect() as client:
        hello(client)
        infer(client)
        client.send(request(deadline_s=0.05))
        assert "the deadline passed" in client.recv(TIMEOUT_S)


def test_several_policies_by_name():
    with ServerThread({"gated": Gated(), "remembering": Remembering()}) as server:
        for path in ("gated", "remembering", "remembering/"):
            with server.connect(path) as client:
                assert hello(client).name == path.strip("/")
                assert infer(client, 2) == [0, 2]
        lines = {"": "expected the path of a policy, such as /gated", "gatd": "expected the path /gated, got 'gatd'"}
        for path, line in lines.items():
            with pytest.raises(InvalidStatus) as refused:
                server.connect(path)
            assert refused.value.response.status_code == 404
            assert line in refused.value.response.body.decode()


def test_the_path_of_a_wire_is_named_in_full():
    with ServerThread({"toy": Gated()}, wires=("vla-eval",)) as server:
        for path in ("", "toy", "vla-eval/toi"):
            line = f"expected the path /vla-eval/toy, got {path!r}; served are: /vla-eval/toy\n"
            assert server.get(f"/{path}") == (404, line)


def test_one_policy_is_found_without_its_name():
    with ServerThread({"toy": Gated()}) as server:
        for path in ("", "toy"):
            with server.connect(path) as client:
                assert hello(client).name == "toy"
        with pytest.raises(InvalidStatus):
            server.connect("other")


def test_the_key_is_checked_everywhere_but_for_health():
    right = {"Authorization": "Api-Key secret"}
    with ServerThread({"toy": Gated()}, api_key="secret") as server:
        assert server.get("/healthz")[0] == 200
        assert server.get("/metrics", right)[0] == 200
        with server.connect(additional_headers=right) as client:
            assert infer_after_hello(client) == [0, 1]
        header = "expected the header Authorization: Api-Key KEY\n"
        another = "expected the key of this server, got another one\n"
        for wrong, text in (
            ({}, header),
            ({"Authorization": "Api-Key secre"}, another),
            ({"Authorization": "Bearer secret"}, header),
        ):
            assert server.get("/metrics", wrong) == (401, text)
            with pytest.raises(InvalidStatus) as refused:
                server.connect(additional_headers=wrong)
            assert refused.value.response.status_code == 401


def infer_after_hello(client):
    hello(client)
    return infer(client, 1)


def test_a_message_beyond_the_limit_ends_its_connection():
    with ServerThread({"toy": Gated()}, limits=Limits(max_message_bytes=4096)) as server:
        with server.connect() as client:
            hello(client)
            client.send(bytes(5000))
            with pytest.raises(ConnectionClosed):
                client.recv(TIMEOUT_S)
            assert client.close_code == 1009
        with server.connect() as client:
            assert infer_after_hello(client) == [0, 1]


def test_a_client_that_asks_too_often_waits():
    with ServerThread({"toy": Gated()}, limits=Limits(max_rate_hz=20.0)) as server, server.connect() as client:
        hello(client)
        began_s = server.loop.time()
        for _ in range(5):
            infer(client)
        assert server.loop.time() - began_s > 4 / 20 - 0.01


def test_a_late_request_is_an_error():
    policy = Gated()
    with ServerThread({"toy": policy}) as server, server.connect() as first, server.connect() as second:
        hello(first), hello(second)
        policy.gate.clear()
        first.send(request())
        policy.wait_started()
        second.send(request(deadline_s=0.001))
        server.until(lambda: server.policies[0].worker.num_waiting == 1)
        threading.Event().wait(0.01)
        policy.gate.set()
        assert "the deadline passed" in second.recv(TIMEOUT_S)


def test_a_request_without_an_answer_in_time_is_an_error():
    policy = Gated()
    with ServerThread({"toy": policy}, limits=Limits(answer_s=0.05)) as server, server.connect() as client:
        hello(client)
        policy.gate.clear()
        client.send(request())
        assert client.recv(TIMEOUT_S) == "expected an answer within 0.05 s, got none"
        policy.gate.set()


def test_the_end_answers_what_was_asked_and_closes():
    policy = Gated()
    with ServerThread({"toy": policy}) as server, server.connect() as client, server.connect() as idle:
        hello(client), hello(idle)
        policy.gate.clear()
        client.send(request(4))
        policy.wait_started()
        threading.Timer(0.2, policy.gate.set).start()
        server.call(server.server.stop())
        assert openpi.decode_reply(client.recv(TIMEOUT_S)).actions[0].tolist() == [0, 4]
        for one in (client, idle):
            with pytest.raises(ConnectionClosed):
                one.recv(TIMEOUT_S)
            assert one.close_code == 1001


def test_what_comes_after_the_end_began_is_not_answered():
    """Clients that ask on and on, one that has gone, and a stranger without a word: none delays the end."""
    policy = Gated()
    limits = Limits(max_rate_hz=0.5)
    with (
        ServerThread({"toy": policy}, limits=limits) as server,
        server.connect() as gone,
        socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as silent,
    ):
        hello(gone)
        infer(gone)
        gone.send(request())  # waits for two seconds
        server.until(lambda: server.server._busy)
        gone.socket.shutdown(socket.SHUT_RDWR)
        server.until(lambda: not server.server._busy)
        with server.connect() as asking:
            hello(asking)
            policy.gate.clear()
            asking.send(request(4))
            policy.wait_started(), policy.wait_started()
            asking.send(request(5))
            ending = asyncio.run_coroutine_threadsafe(server.server.stop(), server.loop)
            server.until(server.server.stopping.is_set)
            policy.gate.set()
            began_s = time.monotonic()
            ending.result(TIMEOUT_S)
            assert time.monotonic() - began_s < 10, "well below the clients' patience"
            assert openpi.decode_reply(asking.recv(TIMEOUT_S)).actions[0].tolist() == [0, 4]
            with pytest.raises(ConnectionClosed):
                asking.recv(TIMEOUT_S)
            assert asking.close_code == 1001
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(100) == b""
    assert policy.sizes() == [1, 1]


def test_strangers_without_a_word_make_room():
    with ServerThread({"toy": Gated()}, limits=Limits(max_entering=3)) as server, contextlib.ExitStack() as stack:
        strangers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)) for _ in range(6)
        ]
        with server.connect() as client:
            assert infer_after_hello(client) == [0, 1]
        for one in strangers[:3]:
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(100) == b"", "those who have been silent longest, before they are late"
        assert server.get("/healthz") == (200, "OK\n")


def test_a_half_open_connection_is_dropped():
    with ServerThread({"toy": Gated()}, limits=Limits(patience_s=0.2)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as silent:
            assert silent.recv(100) == b"", "it sent no request in time"
        assert server.policies[0].num_sessions == 0


def test_tls(tmp_path):
    import ssl

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=TIMEOUT_S)
    with ServerThread({"toy": Gated()}, tls=tls_context(certificate, key)) as server:
        assert server.server.addresses("127.0.0.1", server.port) == [
            f"wss://127.0.0.1:{server.port}",
            f"wss://127.0.0.1:{server.port}/vla-eval",
        ]
        trusting = ssl.create_default_context(cafile=certificate)
        with server.connect(ssl=trusting, scheme="wss") as client:
            assert infer_after_hello(client) == [0, 1]
    encrypted = ["openssl", "rsa", "-in", key, "-aes128", "-passout", "pass:secret", "-out", tmp_path / "encrypted.pem"]
    subprocess.run(encrypted, check=True, capture_output=True, timeout=TIMEOUT_S)
    with pytest.raises(PraxiaError, match="expected a key without a password, got an encrypted one"):
        tls_context(certificate, tmp_path / "encrypted.pem")
    key.write_text("no key")
    with pytest.raises(PraxiaError, match="expected PEM files"):
        tls_context(certificate, key)


@pytest.mark.parametrize("name", ["", "healthz", "metrics", "a/b"])
def test_names_that_are_paths_of_the_server_are_refused(name):
    with pytest.raises(PraxiaError, match="no path of the server"):
        ServerThread({name: Gated()})


def test_wrong_limits_are_refused():
    for wrong in ({"max_sessions": 0}, {"max_message_bytes": 0}, {"max_rate_hz": 0.0}, {"patience_s": float("nan")}):
        with pytest.raises(PraxiaError, match="expected"):
            Limits(**wrong)


def test_the_client_in_the_guide_works():
    guide = (Path(__file__).parents[2] / "docs" / "GUIDE.md").read_text()
    snippet = guide.partition("This one needs no package of ours:\n\n```python\n")[2].partition("```")[0]
    assert len(snippet.partition("with connect")[2].splitlines()) <= 10
    with ServerThread({"toy": make_policy()}) as server:
        names: dict = {}
        exec(snippet.replace("ws://127.0.0.1:8000", f"ws://127.0.0.1:{server.port}"), names)
    assert names["chunk"].shape == (4, 2)
    assert names["policy"]["embodiment"]["name"] == "toy"
