"""A served policy is judged as the one in process: the same rows, and one line where the server does not fit."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from praxia_testing import make_config, make_policy
from serving_testing import ForeignServer, Gated, ServerThread
from toy_world import EMBODIMENT as OTHER

from praxia.checkpoint.store import load_policy, save_policy
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.intent import Intent
from praxia.core.types import Decision, Query, Sampling
from praxia.core.window import Window
from praxia.envs import find_family
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate
from praxia.results.meta import read_meta
from praxia.rollout.slots import LocalSlots
from praxia.transforms.chain import EmbodimentTransforms
from praxia.transforms.normalise import Normaliser
from praxia.wires.packing import pack, unpack

BENCHMARK = find_benchmark("bimodal")
FAMILY = find_family("bimodal")
EMBODIMENT = FAMILY.embodiment(BENCHMARK.spec("pass"))


def make_bimodal_config(horizon=8):
    """The toy policy, with two observation steps, for the environment `bimodal`."""
    config = make_config()
    transforms = EmbodimentTransforms(
        state=Normaliser((-1.0,) * 6, (1.0,) * 6), action=Normaliser((-0.1, -0.1), (0.1, 0.1))
    )
    return dataclasses.replace(
        config,
        shapes=dataclasses.replace(config.shapes, cameras=("top",), embodiment_dims=((6, 2),), horizon=horizon),
        transforms=dataclasses.replace(config.transforms, embodiments=(transforms,)),
        embodiments=(EMBODIMENT,),
        window=Window({"image.top": (-1, 0), "state": (-1, 0)}, horizon=horizon),
    )


def rows(name, out, *, benchmark=BENCHMARK, sampling=None, **options):
    """The rows of an evaluation of two episodes, two at once, without durations and the policy's identity."""
    entry = find_policy(name, benchmark, exact=True, sampling=sampling)
    evaluate(
        entry.policy,
        entry.evaluation(2, exact=True, **options),
        out,
        FAMILY,
        make_slots=lambda count: LocalSlots(2, FAMILY.build),
    )
    return [{**json.loads(line), "wall_s": None, "policy_sha256": None} for line in out.read_text().splitlines()]


@pytest.fixture(autouse=True)
def threads_of_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("ensemble", [None, pytest.param(0.01, marks=pytest.mark.slow)])
def test_rows_are_those_of_the_policy_in_process(tmp_path, ensemble):
    config = make_bimodal_config()
    policy = make_policy(config)
    save_policy(tmp_path / "policy", config, policy.model.state_dict())
    local = rows(str(tmp_path / "policy"), tmp_path / "local.jsonl", ensemble=ensemble)
    assert [row["steps"] for row in local] == [50, 50]
    with ServerThread({"mine": policy}, exact=True) as server:
        address = f"ws://127.0.0.1:{server.port}"
        assert rows(address, tmp_path / "served.jsonl", ensemble=ensemble) == local
        server.until(lambda: server.policies[0].num_sessions == 0)
    claim = read_meta(tmp_path / "served.jsonl")["fingerprint"]["claim"]
    assert claim["factory"] == "praxia serve"
    assert claim["fingerprint"] == {"policy_sha256": "abc", "weights_sha256": None, "exact": True}


def test_rows_under_a_delay_are_those_of_the_policy_in_process(tmp_path):
    """What is committed to and planned goes over the wire, and guides the chunks."""
    config, guided = make_bimodal_config(horizon=16), Sampling(guidance="identity")
    save_policy(tmp_path / "policy", config, make_policy(config).model.state_dict())
    delayed = find_benchmark("bimodal/delay-3")
    name = str(tmp_path / "policy")
    local = rows(name, tmp_path / "local.jsonl", benchmark=delayed, sampling=guided)
    policy, _ = load_policy(tmp_path / "policy", "cpu", guided)
    with ServerThread({"mine": policy}, exact=True) as server:
        served = rows(f"ws://127.0.0.1:{server.port}", tmp_path / "served.jsonl", benchmark=delayed)
    assert served == local
    assert rows(name, tmp_path / "naive.jsonl", benchmark=delayed) != local, "guidance changes nothing here"


class Bimodal(Gated):
    embodiment = EMBODIMENT
    window = Window({"state": (0,)}, 8)

    def act(self, queries, carry):
        return [Decision(np.zeros((8, 2), np.float32), np.ones(8, bool)) for _ in queries], carry


def test_a_server_of_another_robot_is_refused_by_name(tmp_path):
    class Other(Bimodal):
        embodiment = OTHER

    with ServerThread({"mine": Other()}) as server, pytest.raises(MismatchError, match="'bimodal'"):
        rows(f"ws://127.0.0.1:{server.port}", tmp_path / "a.jsonl")


def test_a_delay_that_a_served_policy_does_not_take_is_refused_before_the_first_episode(tmp_path):
    policy = Bimodal()
    policy.longest_delay = 2
    with ServerThread({"mine": policy}) as server:
        name, out = f"ws://127.0.0.1:{server.port}", tmp_path / "a.jsonl"
        rows(name, out, benchmark=find_benchmark("bimodal/delay-2"))
        with pytest.raises(
            MismatchError, match=r"delays of at most 2 .*'bimodal/delay-3' has 3: choose bimodal/delay-2"
        ):
            rows(name, tmp_path / "b.jsonl", benchmark=find_benchmark("bimodal/delay-3"))
    assert not (tmp_path / "b.jsonl").exists()


def test_two_systems_whose_intents_arrive_when_they_are_ready_are_not_judged(tmp_path):
    class Thinking(Bimodal):
        def think(self, queries):
            return [Intent(query.step, text="go") for query in queries]

    with ServerThread({"mine": Thinking()}) as server, pytest.raises(PraxiaError, match="praxia serve --exact"):
        rows(f"ws://127.0.0.1:{server.port}", tmp_path / "a.jsonl")
    with ServerThread({"mine": Thinking()}, exact=True) as server:
        assert rows(f"ws://127.0.0.1:{server.port}", tmp_path / "b.jsonl")


def test_an_error_of_the_server_is_a_fault_of_its_episode(tmp_path):
    class Failing(Bimodal):
        def act(self, queries, carry):
            decisions, carry = super().act(queries, carry)
            if queries[0].step == 8:
                decisions[0].chunk[:] = np.nan
            return decisions, carry

    with ServerThread({"mine": Failing()}, exact=True) as server:
        found = rows(f"ws://127.0.0.1:{server.port}", tmp_path / "a.jsonl")
    assert [row["status"] for row in found] == ["failure", "failure"]
    assert "answered: the policy gave an action that is not finite at step 8" in found[0]["error"]


def test_a_lost_connection_ends_the_evaluation_and_is_no_failure_of_the_policy(tmp_path):
    class Ending(Bimodal):
        def act(self, queries, carry):
            if queries[0].step == 8:
                server.loop.call_soon_threadsafe(abort_all)
                assert self.gate.wait(30)
            return super().act(queries, carry)

    def abort_all():
        for connection in list(server.server._connections):
            connection._socket.transport.abort()
        policy.gate.set()

    policy = Ending()
    policy.gate.clear()
    lost = r"the connection to ws://.* was lost .*; start the server, .* --resume"
    with ServerThread({"mine": policy}, exact=True) as server, pytest.raises(PraxiaError, match=lost):
        rows(f"ws://127.0.0.1:{server.port}", tmp_path / "a.jsonl")


def test_nobody_and_strangers_have_one_line(tmp_path, monkeypatch):
    with pytest.raises(PraxiaError, match=r"expected a policy server at ws://127.0.0.1:1, got .*refused"):
        find_policy("ws://127.0.0.1:1", BENCHMARK, exact=True)
    with ServerThread({"mine": Bimodal()}, api_key="secret") as server:
        address = f"ws://127.0.0.1:{server.port}"
        with pytest.raises(PraxiaError, match=r"refused \(401\): .*; the key is read from PRAXIA_CLIENT_API_KEY"):
            find_policy(address, BENCHMARK, exact=True)
        monkeypatch.setenv("PRAXIA_CLIENT_API_KEY", "secret")
        with pytest.raises(PraxiaError, match=r"refused \(404\): expected the path /mine"):
            find_policy(f"{address}/mein", BENCHMARK, exact=True)
        assert find_policy(address, BENCHMARK, exact=True).policy.embodiment == EMBODIMENT
        with pytest.raises(PraxiaError, match="--as expects the folder of a trained policy, got 'praxia serve'"):
            find_policy(address, BENCHMARK, exact=True, bind_as="toy")


class Stranger(ForeignServer):
    """A server of openpi's wire with names and units of its own: it moves towards positive x and y, in mm/s."""

    def __init__(self):
        self.requests = []

    def handle(self, connection):
        connection.send(pack({"reset_pose": np.zeros(2)}))
        for frame in connection:
            self.requests.append(unpack(frame))
            connection.send(pack({"actions": np.tile([9.0, 250.0, 500.0], (8, 1))}))

    def description(self, folder, **changes):
        value = {
            "address": self.address,
            "horizon": 8,
            "images": {"observation/image": {"camera": "top", "size": [32, 32]}},
            "state": {"observation/state": [{"field": "goal", "scale": 1000}, {"field": "robot", "offset": 1}]},
            "prompt": "prompt",
            "actions": [{"field": "robot", "first": 1, "scale": 0.001}],
        }
        path = folder / "server.json"
        path.write_text(json.dumps(value | changes))
        return str(path)


def first_observation():
    slots = LocalSlots(1, FAMILY.build)
    slots.begin(0, BENCHMARK.spec("pass"), FAMILY.draw_start("pass", BENCHMARK.split, 0), ("top",))
    (begun,) = slots.ready()
    slots.close()
    return begun.observation


def test_a_foreign_server_is_judged_in_its_own_names_and_units(tmp_path):
    with Stranger() as stranger:
        found = rows(stranger.description(tmp_path), tmp_path / "a.jsonl")
        claim = read_meta(tmp_path / "a.jsonl")["fingerprint"]["claim"]
    assert {row["status"] for row in found} <= {"success", "failure"}
    assert claim["fingerprint"]["metadata"] == {"reset_pose": [0.0, 0.0]}
    assert "address" not in claim["fingerprint"]["server"]
    first = stranger.requests[0]
    assert set(first) == {"observation/image", "observation/state", "prompt"}
    assert first["observation/image"].shape == (32, 32, 3)
    state = first_observation().state
    np.testing.assert_allclose(first["observation/state"], [*(state[4:] * 1000), *(state[:2] + 1)], rtol=1e-6)


def test_the_actions_of_a_foreign_server_are_in_declared_units(tmp_path):
    with Stranger() as stranger:
        policy = find_policy(stranger.description(tmp_path), BENCHMARK, exact=True).policy
        (decision,), _ = policy.act([Query((first_observation(),), "key", 0, 0)], policy.start(1))
        policy.close()
    np.testing.assert_allclose(decision.chunk, np.tile([0.25, 0.5], (8, 1)), rtol=1e-6)


WRONG = {
    "another camera": ({"images": {"a": {"camera": "tpo", "size": [8, 8]}}}, UnknownName, "'tpo'; nearest: top"),
    "another field": ({"state": {"a": [{"field": "gaol"}]}}, UnknownName, "'gaol'; nearest: goal"),
    "no actions": ({"actions": []}, MismatchError, "expected actions of each field once, robot, got none"),
    "another entry": ({"image": {}}, UnknownName, "'image'; nearest: images"),
    "no size": ({"images": {"a": {"camera": "top"}}}, PraxiaError, "got no 'size'"),
    "another word": ({"actions": [{"field": "robot", "sclae": 1}]}, PraxiaError, "sclae"),
    "a size of nothing": ({"images": {"a": {"camera": "top", "size": [0, 8]}}}, PraxiaError, "a size of 0x8"),
    "a scale of NaN": (
        {"actions": [{"field": "robot", "scale": float("nan")}]},
        PraxiaError,
        "expected a finite scale",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_description_has_one_line(tmp_path, name):
    changes, kind, line = WRONG[name]
    with Stranger() as stranger, pytest.raises(kind, match=line) as error:
        find_policy(stranger.description(tmp_path, **changes), BENCHMARK, exact=True)
    assert "\n" not in str(error.value)
