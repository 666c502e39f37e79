"""Compiled policies: the same actions up to rounding, in few fixed shapes; the encoder once per decision."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, CaptureStub, make_batch, make_config, make_policy, make_query
from torch._dynamo.exc import TorchDynamoException

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Decision
from praxia.heads.act import ACT
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.nn.cuda_graph import GraphedCalls
from praxia.nn.precision import weights_to_bf16
from praxia.policies import compiled
from praxia.policies.compiled import Compiled, with_filled_text
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.interface import TrainedPolicy, compile_policy
from praxia.recipes import find_recipe

# Up to rounding, in units of the actions' range, which is 10.
TOLERANCE = 1e-3


def influential(policy):
    """The policy with weights that all have an influence."""
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=drawn) * 0.1)
    return policy


def make_pi0():
    """A policy with the parts of the recipe pi0, tiny: an action expert on the cache of a language model."""
    encoder = find_recipe("pi0")().model.encoder
    encoder = replace(encoder, width=32, mlp_width=64, depth=2, num_heads=2, num_kv_heads=1, head_width=16)
    expert = ActionExpert(width=32, mlp_width=64, depth=2, num_heads=2, num_kv_heads=1, head_width=16)
    config = make_config()
    return influential(make_policy(replace(config, model=EncoderHead(encoder, Flow(expert)))))


def make_act():
    head = ACT(width=32, mlp_width=64, num_heads=2, encoder_depth=1)
    config = make_config()
    return influential(make_policy(replace(config, model=EncoderHead(config.model.encoder, head))))


def queries(num):
    return [make_query(f"episode/{at}", at) for at in range(num)]


def chunks(policy, num):
    return np.stack([one.chunk for one in policy.act(queries(num), None)[0]])


@pytest.fixture
def not_compiled(monkeypatch):
    """What is around the compiler, without it: modules of their own that compute as they are."""
    monkeypatch.setattr(compiled.torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **_: None)


def test_an_older_torch_is_refused_in_one_line(monkeypatch):
    def compile_of_2_10(model=None, *, dynamic=None, disable=False):
        raise AssertionError("it has neither a limit nor isolation")

    monkeypatch.setattr(compiled.torch, "compile", compile_of_2_10)
    with pytest.raises(PraxiaError, match=r"expected torch 2\.13 or newer for --compile, got \d.*; `pip install 'tor"):
        make_policy().compiled("kernels", (1,))


@pytest.mark.parametrize("make", [make_pi0, make_act])
@pytest.mark.parametrize("num", [1, 2, 3, 7])
def test_batches_are_filled_up_or_divided_and_rows_stay_what_they_are(not_compiled, make, num):
    policy = make()
    seen = []
    fast = policy.compiled("kernels", (1, 2, 4))
    fast._compiled._model.encoder.register_forward_hook(lambda module, args, _: seen.append(args[0]))
    np.testing.assert_allclose(chunks(fast, num), chunks(policy, num), atol=TOLERANCE)
    assert [len(one.state) for one in seen] == {1: [1], 2: [2], 3: [4], 7: [4, 4]}[num]
    assert all(one.text.shape[1] == 32 for one in seen)
    assert all(value.is_contiguous() for one in seen for value in one.tensors())


def test_the_graph_of_one_decision_is_replayed_for_the_next(not_compiled, monkeypatch):
    policy = make_pi0()
    model = Compiled(policy.model, "cuda-graph", (2,), GraphedCalls(CaptureStub()))
    fast = policy.compiled("kernels", (2,))
    monkeypatch.setattr(fast, "_compiled", model)
    for at in range(2):
        asked = queries(4)[2 * at : 2 * at + 2]
        expected, found = (np.stack([one.chunk for one in p.act(asked, None)[0]]) for p in (policy, fast))
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_a_decision_encodes_once_and_equals_one_that_encodes_at_every_step():
    policy = make_pi0()
    model, steps = policy.model, policy.model.head.config.num_steps
    batch, num_encoded = policy.batch(queries(2)), []
    model.encoder.register_forward_hook(lambda *_: num_encoded.append(1))
    noise = torch.randn(2, *model.noise_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        cached = model.sample(batch, noise)
        assert len(num_encoded) == 1
        uncached = noise
        for step in range(steps):
            condition = model.head.denoiser.condition(model.encoder(batch))
            time = torch.full((2,), step / steps)
            uncached = uncached + model.head.denoiser(uncached, time, condition, batch.embodiment) / steps
    assert len(num_encoded) == 1 + steps
    torch.testing.assert_close(cached, uncached)


def test_what_continues_a_chunk_is_decided_by_the_model_itself(not_compiled, monkeypatch):
    config = make_config()
    guided = replace(config.model.head, guidance="identity")
    policy = influential(make_policy(replace(config, model=replace(config.model, head=guided))))
    fast = policy.compiled("kernels", (1,))
    monkeypatch.setattr(fast, "_predict", None)
    query = replace(make_query("a", 4), delay=1, committed=np.ones((1, 2), np.float32))
    (expected,), (found,) = policy.act([query], None)[0], fast.act([query], None)[0]
    np.testing.assert_array_equal(found.chunk, expected.chunk)


def test_weights_are_shared_and_the_model_stays_as_it_is(not_compiled):
    policy = make_policy()
    copy = policy.compiled("kernels")._compiled._model
    pairs = zip(policy.model.parameters(), copy.parameters(), strict=True)
    assert copy is not policy.model
    assert all(one is other for one, other in pairs)


def test_text_is_filled_with_tokens_that_are_not_valid():
    batch = make_batch()
    filled = with_filled_text(batch)
    assert filled.text.shape == (5, 32)
    assert not filled.text_valid[:, 6:].any()
    torch.testing.assert_close(filled.text[:, :6], batch.text)
    assert with_filled_text(filled) is filled


def test_tensors_of_a_batch_go_out_and_in():
    batch = make_batch()
    turned = batch.with_tensors([one.flip(0) for one in batch.tensors()])
    torch.testing.assert_close(turned.images["front"], batch.images["front"].flip(0))
    torch.testing.assert_close(turned.action, batch.action.flip(0))
    torch.testing.assert_close(batch.rows(torch.tensor([3, 3])).state, batch.state[[3, 3]])


def test_what_cannot_be_compiled_here_is_one_line(monkeypatch):
    with pytest.raises(MismatchError, match=r"^expected a GPU for a CUDA graph, got the device 'cpu'; .*$"):
        make_policy().compiled("cuda-graph")
    rounded = make_policy()
    weights_to_bf16(rounded.model)
    with pytest.raises(MismatchError, match="expected float32 for --compile on a CPU, got bfloat16"):
        rounded.compiled("kernels")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(PraxiaError, match=r"expected a C\+\+ compiler for --compile, got none \(no-such-compiler\)"):
        make_policy().compiled("kernels")


def test_what_the_compiler_raises_is_one_line(not_compiled, monkeypatch):
    def failing(*_):
        raise TorchDynamoException("ImportError: main.so: file too short\n\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(Compiled, "predict", failing)
    with pytest.raises(PraxiaError, match=r"^expected torch to compile .*, got ImportError: main.so: .*$"):
        make_policy().compiled("kernels")


class Still(TrainedPolicy):
    """A policy that nobody has taught to be compiled."""

    embodiment = EMBODIMENT

    def bind(self, embodiment, name=None):
        return self

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        return [Decision(np.zeros((1, 2), np.float32), np.ones(1, bool))] * len(queries), carry


def test_a_policy_that_cannot_be_compiled_is_one_line():
    with pytest.raises(MismatchError, match="expected a policy that can be compiled, got Still; leave out"):
        compile_policy(Still(), "kernels")


# Types are not checked while torch compiles, so this is in an interpreter of its own.
COMPILE = """
import json, torch
from concurrent.futures import ThreadPoolExecutor
import numpy as np
torch.set_num_threads(1)
from test_compiled import chunks, make_pi0
policy = make_pi0()
fast = policy.compiled("kernels", (2,))
torch._dynamo.config.error_on_recompile = True
with ThreadPoolExecutor(1) as other:  # as a server's worker
    found = {num: other.submit(chunks, fast, num).result() for num in (1, 2, 3)}
print(json.dumps([float(np.abs(found[num] - chunks(policy, num)).max()) for num in (1, 2, 3)]))
"""


@pytest.mark.slow
def test_compiled_actions_are_the_same_up_to_rounding_and_nothing_is_compiled_after_the_warm_up():
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert max(json.loads(done.stdout)) < TOLERANCE
