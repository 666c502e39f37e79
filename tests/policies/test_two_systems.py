"""Two systems in one policy: only the slow one reads the instruction, only the fast one sees the newest spot."""

import dataclasses

import numpy as np
import pytest
import torch

from praxia.checkpoint.store import PolicyConfig, find_config, load_policy, save_policy
from praxia.core.config import config_from_json, config_to_json
from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.intent import Intent, Thinking
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Outcome, Query, Sampling, SlotResult, Start
from praxia.core.window import Window
from praxia.encoders.fis import FiS
from praxia.encoders.intent import IntentText
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText, PooledText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.heads.regression import Regression
from praxia.nn.share import Share
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.two_systems import Dual, with_past
from praxia.rollout.instructed import Instructed
from praxia.rollout.loop import rollout
from praxia.rollout.thinking import Thinker
from praxia.rollout.types import Job
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer

RATE = Thinking(4, 3)
WORDS = ("follow", "mirror")
TOKENIZER = TextTokenizer.fit(list(WORDS))
BODY = Embodiment(
    name="pointer",
    state=(Field("spot", 1, "position", "m"),),
    action=(Field("spot", 1, "position", "m"),),
    cameras=(),
    control_hz=10.0,
)
PRESENT = Window({"state": (0,)}, horizon=1)
FAST = EncoderHead(StateOnly(text=IntentText(width=32, num_tokens=2, token_width=16), width=64), Regression(width=64))
MODEL = Dual(fast=FAST, slow=StateOnly(text=PooledText(width=16), width=32), every=RATE.every, late=RATE.late)


def jumps(seed, num, steps):
    """Positions of `num` spots within [-3, 3] m, new ones at every step."""
    return np.random.default_rng(seed).uniform(-3, 3, (num, steps)).astype(np.float32)


def batch_of(seed, num, model=MODEL, times=None):
    """Windows in normalised units: the action is where the spot is, or its mirror image, as the instruction says.

    `times` are the control steps of the windows' present in their episodes; None: all windows have all their past.
    """
    steps = with_past(PRESENT, model.rate).observation_steps["state"]
    spots = torch.from_numpy(jumps(seed, num, len(steps) + PRESENT.horizon))[..., None] / 3
    words = np.random.default_rng(seed).integers(0, 2, num)
    signs = torch.from_numpy(1 - 2 * words).float()[:, None, None]
    tokens, valid = TOKENIZER.encode([WORDS[word] for word in words])
    past = torch.arange(len(steps)) - (len(steps) - 1)
    times = torch.full((num,), 100) if times is None else torch.as_tensor(times)
    within = past + times[:, None] >= 0
    first = within.int().argmax(1)
    index = torch.maximum(torch.arange(len(steps)), first[:, None])
    state = spots[torch.arange(num)[:, None], index]
    action = spots[:, len(steps) - 1 :][:, : PRESENT.horizon] * signs
    return Batch(
        images={},
        image_valid={},
        state=state,
        state_valid=within,
        text=torch.from_numpy(tokens),
        text_valid=torch.from_numpy(valid),
        embodiment=torch.zeros(num, dtype=torch.int64),
        action=action,
        action_valid=torch.ones(num, PRESENT.horizon, dtype=torch.bool),
    )


def config_of(model=MODEL):
    normaliser = Normaliser((-3.0,), (3.0,))
    transforms = Transforms((EmbodimentTransforms(normaliser, normaliser, None),), TOKENIZER)
    window = with_past(PRESENT, model.rate)
    shapes = Shapes((), 0, len(window.observation_steps["state"]), ((1, 1),), PRESENT.horizon, TOKENIZER.vocab_size)
    return PolicyConfig(model, shapes, transforms, (BODY,), window, {"seed": 0})


def built(model=MODEL):
    torch.manual_seed(0)
    return model.build(config_of(model).shapes)


def policy_of(network, model=MODEL):
    config = config_of(model)
    return model.make_policy(network, config.transforms, (BODY,), config.window, masked=True)


def trained(model=MODEL, steps=200):
    network = built(model)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(steps):
        loss, _ = network.loss(batch_of(100 + step, 64, model), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


class Spots:
    """Worlds in which a spot jumps whatever the robot does; the start says where, and what to do."""

    num_slots = 2

    def __init__(self):
        self.episodes, self.results = {}, []

    def begin(self, slot, spec, start, cameras, *, privileged=False, snapshots=False):
        self.episodes[slot] = [start, 0]
        self.results.append(SlotResult(slot, self._seen(slot)))

    def advance(self, slot, actions, stop_on_success, observe=None):
        self.episodes[slot][1] += len(actions)
        over = (Outcome(0.0, False, False, False),) * len(actions)
        self.results.append(SlotResult(slot, self._seen(slot), outcomes=over))

    def ready(self):
        results, self.results = self.results, []
        return sorted(results, key=lambda one: one.slot)

    def close(self):
        pass

    def _seen(self, slot):
        start, step = self.episodes[slot]
        return Observation({}, jumps(start.payload["seed"], 1, 40)[0, step : step + 1], start.task, step / 10)


def errors_of(policy, execution, exact=False, seeds=range(4)):
    """The error of every action by episode, in m."""
    starts = [Start("spots", WORDS[seed % 2], {"seed": seed}) for seed in seeds]
    jobs = [Job(EnvSpec("spots", start.task), start, key=start.key, index=at) for at, start in enumerate(starts)]
    found = {}
    for one in rollout(policy, Spots(), jobs, execution=execution, horizon=30, exact=exact):
        assert one.error is None
        seed = one.job.start.payload["seed"]
        right = jumps(seed, 1, 40)[0, :30] * (1 - 2 * (seed % 2))
        found[seed] = np.abs(one.actions[:, 0] - right)
    return np.stack([found[seed] for seed in seeds])


@pytest.fixture(scope="module")
def network():
    return trained()


class Shuffled:
    """The policy, with the intents of the other episodes."""

    def __init__(self, policy):
        self.policy, self.window, self.privileged, self.embodiment = policy, policy.window, False, BODY

    def start(self, num_rows):
        return self.policy.start(num_rows)

    def act(self, queries, carry):
        return self.policy.act(queries, carry)

    def think(self, queries):
        return self.policy.think(queries)[::-1]


def test_the_fast_part_acts_on_the_newest_spot_as_the_slow_one_was_told(network):
    policy = policy_of(network)
    assert isinstance(policy, Thinker)
    execution = ChunkExecution(1, thinking=RATE)
    assert errors_of(policy, execution).mean() < 0.25
    # Two episodes are thought about at once: with each other's intents one mirrors what the other should.
    assert errors_of(Shuffled(policy), execution).mean() > 1.5
    # Without a rate it thinks about every observation.
    assert errors_of(policy, ChunkExecution(1)).mean() < 0.25


@pytest.mark.slow
def test_one_network_whose_first_layers_think_learns_the_same():
    fast = EncoderHead(FiS(PooledText(width=16), width=32, depth=3, num_heads=2), Regression(width=64))
    model = dataclasses.replace(MODEL, fast=fast, slow=None)
    policy, execution = policy_of(trained(model, steps=400), model), ChunkExecution(1, thinking=RATE)
    assert errors_of(policy, execution).mean() < 0.4
    assert errors_of(Shuffled(policy), execution).mean() > 1.5


def test_without_the_intent_nobody_can_know_what_to_do():
    alone = EncoderHead(StateOnly(text=NoText(), width=64), Regression(width=64))
    torch.manual_seed(0)
    shapes = dataclasses.replace(config_of().shapes, num_states=1)
    network = alone.build(shapes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(100):
        batch = batch_of(100 + step, 64, dataclasses.replace(MODEL, every=0))
        loss, _ = network.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy = alone.make_policy(network, config_of().transforms, (BODY,), PRESENT, masked=True)
    assert errors_of(policy, ChunkExecution(1, thinking=RATE)).mean() > 1.0


def seen_and_ages(model, batch, seed=0):
    """The states that the slow part is given in a loss, and the ages that the fast part is told."""
    network = built(model)
    seen, told = [], []
    network.slow.register_forward_pre_hook(lambda _, given: seen.append(given[0].state[:, 0, 0]))
    network.fast.encoder.register_forward_pre_hook(lambda _, given: told.append(given[0].intent_age))
    network.loss(batch, torch.Generator().manual_seed(seed))
    return seen[0], told[0]


@pytest.mark.parametrize("rate", [RATE, Thinking(1), Thinking(5), Thinking(2, 2)], ids=str)
def test_ages_are_drawn_as_the_loop_makes_them(rate):
    model = dataclasses.replace(MODEL, every=rate.every, late=rate.late)
    asked = []
    policy = policy_of(built(model), model)
    act = policy.act
    policy.act = lambda queries, carry: asked.extend(queries) or act(queries, carry)
    errors_of(policy, ChunkExecution(1, thinking=rate), seeds=[0])
    at_run_time = {(query.step, query.intent.age(query.step)) for query in asked}
    # A step of the episode has one age in the loop; in training a later step is at any place between two intents.
    times = np.repeat(np.arange(30), 64)
    batch = batch_of(0, len(times), model, times)
    seen, ages = seen_and_ages(model, batch)
    drawn = {(int(time), int(age)) for time, age in zip(times, ages, strict=True)}
    early = rate.every + rate.late
    assert {pair for pair in drawn if pair[0] < early} == {pair for pair in at_run_time if pair[0] < early}
    assert {age for time, age in drawn if time >= early} == {age for time, age in at_run_time if time >= early}
    later = ages[times >= early].bincount()[rate.late :].double()
    assert later.min() > 0.8 * later.mean()
    # The slow part sees the observation of just that age.
    index = batch.state.shape[1] - 1 - ages
    torch.testing.assert_close(seen, batch.state[torch.arange(len(index)), index, 0])


def test_images_are_of_the_drawn_age_and_black_only_where_there_is_no_camera():
    model = dataclasses.replace(MODEL, every=4, late=3)
    window = with_past(Window({"image.front": (0,), "state": (0,)}, 2), RATE)
    assert window.observation_steps == {"image.front": (-6, -5, -4, -3, 0), "state": tuple(range(-7, 1))}
    network, times = built(), np.repeat(np.arange(12), 8)
    batch = batch_of(0, len(times), model, times)
    # A pixel says at which step of its episode the image was made.
    at = torch.from_numpy(times)[:, None] + torch.tensor(window.observation_steps["image.front"])
    images = at.clamp_min(0).to(torch.uint8)[:, :, None, None, None].expand(-1, -1, 3, 2, 2)
    batch = dataclasses.replace(batch, images={"front": images}, image_valid={"front": at >= 0})
    given = []
    network.slow.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    network.fast.encoder.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    network.loss(batch, torch.Generator().manual_seed(0))
    slow, fast = given
    torch.testing.assert_close(slow.images["front"][:, 0, 0, 0, 0].long(), torch.from_numpy(times) - fast.intent_age)
    assert slow.image_valid["front"].all()
    assert (fast.images["front"][:, 0, 0, 0, 0].long() == torch.from_numpy(times)).all()


def test_draws_are_those_of_the_whole_batch_however_it_is_divided():
    network, batch = built(), batch_of(0, 12)
    whole, _ = network.loss(batch, torch.Generator().manual_seed(0))
    losses = [network.loss(part, torch.Generator().manual_seed(0))[0] for part in batch.parts(3)]
    torch.testing.assert_close(torch.stack(losses).mean(), whole)
    _, ages = seen_and_ages(MODEL, batch)
    for number, part in enumerate(batch.parts(3)):
        assert part.share == Share(number, 3)
        assert seen_and_ages(MODEL, part)[1].tolist() == ages[number::3].tolist()


def test_without_drawn_ages_every_intent_is_of_the_present_and_no_age_is_told():
    model = dataclasses.replace(MODEL, every=0)
    batch = batch_of(0, 8, model)
    seen, ages = seen_and_ages(model, batch)
    torch.testing.assert_close(seen, batch.state[:, -1, 0])
    assert not ages.any()
    policy, told = policy_of(built(model), model), []
    policy.model.fast.encoder.register_forward_pre_hook(lambda _, given: told.append(given[0].intent_age))
    errors_of(policy, ChunkExecution(1, thinking=RATE), seeds=[0])
    assert not torch.cat(told).any()


def test_ten_samples_are_learned_by_heart():
    network, batch = built(), batch_of(0, 10)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 250)
    for step in range(250):
        loss, _ = network.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert loss < 0.02


def test_gradients_reach_both_parts():
    network = built()
    network.loss(batch_of(0, 8), torch.Generator().manual_seed(0))[0].backward()
    assert all(one.grad is not None and one.grad.any() for one in network.slow.encoder.text.parameters())
    assert all(one.grad is not None for one in network.parameters())


def test_episodes_do_not_depend_on_each_other(network):
    policy, execution = policy_of(network), ChunkExecution(1, thinking=RATE)
    together = errors_of(policy, execution, exact=True)
    alone = np.concatenate([errors_of(policy, execution, exact=True, seeds=[seed]) for seed in range(4)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(errors_of(policy, execution), alone, atol=1e-5)


def test_it_is_saved_and_loaded_as_any_policy(tmp_path):
    flow = dataclasses.replace(MODEL, fast=dataclasses.replace(FAST, head=Flow(ResidualMLP(width=16, depth=1))))
    assert config_from_json(config_to_json(flow), find_config) == flow
    network = built(flow)
    save_policy(tmp_path / "policy", config_of(flow), network.state_dict())
    few, identity = load_policy(tmp_path, sampling=Sampling(steps=2))
    own, own_identity = load_policy(tmp_path)
    assert identity.policy_sha256 != own_identity.policy_sha256
    assert few.window == own.window == PRESENT
    execution = ChunkExecution(1, thinking=RATE)
    np.testing.assert_array_equal(
        errors_of(own, execution, exact=True), errors_of(policy_of(network, flow), execution, exact=True)
    )


def test_in_bfloat16_actions_are_nearly_the_same(tmp_path, network):
    save_policy(tmp_path / "policy", config_of(), network.state_dict())
    rounded, _ = load_policy(tmp_path, sampling=Sampling(precision="bf16"))
    assert errors_of(rounded, ChunkExecution(1, thinking=RATE)).mean() < 0.3


PAIR = dataclasses.replace(
    BODY,
    name="pair",
    state=(Field("spots", 2, "position", "m"),),
    action=(Field("spots", 2, "position", "m"),),
)
ONE_INTENT = dataclasses.replace(MODEL, slow_sees_robot=False)


def config_of_two():
    """A policy of two embodiments: a pointer with one spot, and one with two spots and two actions."""
    one, two = Normaliser((-3.0,), (3.0,)), Normaliser((-3.0,) * 2, (3.0,) * 2)
    transforms = Transforms((EmbodimentTransforms(one, one, None), EmbodimentTransforms(two, two, None)), TOKENIZER)
    config = config_of(ONE_INTENT)
    shapes = dataclasses.replace(config.shapes, embodiment_dims=((1, 1), (2, 2)))
    return dataclasses.replace(config, shapes=shapes, transforms=transforms, embodiments=(BODY, PAIR))


def batch_of_two(seed, num):
    """Rows of both embodiments in turn; what is in the second dims of the first counts for nothing."""
    batch, numbers = batch_of(seed, num, ONE_INTENT), torch.arange(num) % 2
    assert batch.action is not None
    signs = torch.sign(batch.action * batch.state[:, -1:])
    state = torch.cat([batch.state, batch.state.flip(0)], dim=-1)
    return dataclasses.replace(batch, state=state, action=state[:, -1:] * signs, embodiment=numbers)


def bound_to_each(network):
    config = config_of_two()
    policy = ONE_INTENT.make_policy(network, config.transforms, config.embodiments, config.window, masked=True)
    return policy.bind(BODY), policy.bind(PAIR)


def query_of(spots, word, intent=None):
    return Query((Observation({}, np.array(spots, np.float32), word, 0.0),), "k", 5, 0, intent=intent)


def test_one_intent_is_of_no_embodiment():
    torch.manual_seed(0)
    one, two = bound_to_each(ONE_INTENT.build(config_of_two().shapes))
    (first,), (second,), (other,) = (
        policy.think([query_of(spots, word)])
        for policy, spots, word in ((one, [1.0], "mirror"), (two, [-2.0, 0.5], "mirror"), (two, [-2.0, 0.5], "follow"))
    )
    np.testing.assert_array_equal(first.latent, second.latent)
    assert not np.array_equal(second.latent, other.latent)


@pytest.mark.slow
def test_one_intent_moves_two_bodies():
    torch.manual_seed(0)
    network = ONE_INTENT.build(config_of_two().shapes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(300):
        loss, _ = network.loss(batch_of_two(100 + step, 64), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    one, two = bound_to_each(network)
    for word, sign in (("follow", 1), ("mirror", -1)):
        # The first robot alone was told the word, and thinks for both.
        (intent,) = one.think([query_of([1.0], word)])
        for policy, spots in ((one, [-2.0]), (two, [2.0, -1.0])):
            (decision,), _ = policy.act([query_of(spots, "", intent)], None)
            np.testing.assert_allclose(decision.chunk[0], np.array(spots) * sign, atol=0.5)


class Changing:
    """Says what to do, and the other thing from step 12 on."""

    def think(self, queries):
        return [Intent(query.step, text=WORDS[int(query.step >= 12)]) for query in queries]


def actions_of(policy, execution, word=WORDS[0]):
    start = Start("spots", word, {"seed": 0})
    (found,) = rollout(policy, Spots(), [Job(EnvSpec("spots", word), start, "key", 0)], execution=execution, horizon=30)
    return found.actions[:, 0]


def test_a_text_is_the_instruction_of_the_fast_part():
    model = EncoderHead(StateOnly(text=PooledText(width=16), width=32), Regression(width=64))
    torch.manual_seed(0)
    network = model.build(dataclasses.replace(config_of().shapes, num_states=1))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    alone = model.make_policy(network, config_of().transforms, (BODY,), PRESENT, masked=True)
    instructed = Instructed(alone, Changing())
    found = actions_of(instructed, ChunkExecution(1, thinking=RATE))
    follow, mirror = (actions_of(alone, ChunkExecution(1), word) for word in WORDS)
    # The thinker observes at 12, and is late by 3.
    np.testing.assert_array_equal(found, np.concatenate([follow[:15], mirror[15:]]))
    assert np.abs(follow - mirror).max() > 0
    # Without a rate it writes an instruction for every decision.
    at_once = actions_of(instructed, ChunkExecution(1))
    np.testing.assert_array_equal(at_once, np.concatenate([follow[:12], mirror[12:]]))


def test_what_is_not_two_systems_is_refused_in_one_line():
    shapes = config_of().shapes
    blind = dataclasses.replace(FAST, encoder=StateOnly(text=NoText()))
    for model, message in (
        (dataclasses.replace(MODEL, every=8), "expected a window of two systems with 9 images of each camera and 12"),
        (dataclasses.replace(MODEL, every=0), r"1 states \(no ages are drawn\), got 0 and 8: make it by"),
        (dataclasses.replace(MODEL, fast=blind), "a fast encoder that reads intents, got 'state-only'"),
        (dataclasses.replace(MODEL, slow=None), "or a fast one whose first layers write intents"),
        (
            dataclasses.replace(MODEL, fast=dataclasses.replace(FAST, roll_forward=1)),
            "without --model.fast.roll-forward",
        ),
    ):
        with pytest.raises(MismatchError, match=message):
            model.build(shapes)
    alone = FAST.build(dataclasses.replace(shapes, num_states=1))
    with pytest.raises(MismatchError, match="it is the fast one of two systems"):
        alone.loss(batch_of(0, 2, dataclasses.replace(MODEL, every=0)), torch.Generator())
    policy, observation = policy_of(built()), Observation({}, np.zeros(1, np.float32), "follow", 0.0)
    intents = [Intent(0, np.zeros((2, 16), np.float32)), Intent(0, np.zeros((3, 16), np.float32))]
    queries = [Query((observation,), "k", 0, row, intent=intent) for row, intent in enumerate(intents)]
    with pytest.raises(MismatchError, match=r"a latent intent of one size for each of 2 queries, got 2 of"):
        policy.act(queries, policy.start(2))
