"""Two systems at two speeds: which intent each decision has, how old it is, and that rows are independent."""

import numpy as np
import pytest
from toy_thinkers import Follower, number_of
from toy_world import Seeker, build, job

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.intent import Intent, Thinking
from praxia.core.types import ChunkExecution, Query
from praxia.rollout.inference import ThreadedInference
from praxia.rollout.loop import rollout
from praxia.rollout.session import Session
from praxia.rollout.slots import LocalSlots
from praxia.rollout.thinking import IntentTimeline, ThinkingPolicy, thinking
from praxia.rollout.types import Agent

HORIZON = 30


def run(policy, rate, num_slots=1, numbers=(0,), exact=False, **execution):
    slots = LocalSlots(num_slots, build)
    jobs = [job(number, goal=1e6) for number in numbers]
    execution = ChunkExecution(1, thinking=rate, **execution)
    found = rollout(policy, slots, jobs, execution=execution, horizon=HORIZON, exact=exact)
    return {one.job.index: one for one in found}


def intent_of(query):
    assert query.intent is not None
    return query.intent


def latent_of(query):
    latent = intent_of(query).latent
    assert latent is not None
    return latent[0]


def ages(rate, num_steps=HORIZON):
    """By the rule in words: the newest observation among those that arrived, the first of which was waited for."""
    observed = range(0, num_steps, rate.every)
    return [step - max(at for at in observed if at == 0 or at + rate.late <= step) for step in range(num_steps)]


@pytest.mark.parametrize("rate", [Thinking(1), Thinking(1, 1), Thinking(4), Thinking(8, 3), Thinking(8, 8)], ids=str)
def test_each_decision_has_the_newest_intent_that_has_arrived(rate):
    policy = Follower()
    run(policy, rate)
    found = [intent_of(query).age(query.step) for query in policy.queries]
    assert found == ages(rate)
    assert [one.step for (one,) in policy.thoughts] == list(range(0, HORIZON, rate.every))
    # After the first ones every age from `late` to `oldest` comes equally often.
    late = found[rate.late + rate.every :]
    assert set(late) == set(range(rate.late, rate.oldest + 1))
    # An intent is of what was seen then.
    seen = {query.step: query.history[-1].state[0] for query in policy.queries}
    for query in policy.queries:
        assert latent_of(query)[1] == seen[intent_of(query).step]


def test_intents_of_different_episodes_are_never_mixed():
    policy = Follower()
    rate, numbers = Thinking(4, 3), tuple(range(7))
    run(policy, rate, num_slots=3, numbers=numbers)
    assert len(policy.queries) == HORIZON * len(numbers)
    for query in policy.queries:
        assert latent_of(query)[0] == number_of(query)
    assert max(len(one) for one in policy.thoughts) > 1


def test_a_new_episode_in_a_slot_begins_without_the_intents_of_the_one_before():
    policy = Follower()
    run(policy, Thinking(20, 20), numbers=(0, 1))
    second = [query for query in policy.queries if number_of(query) == 1]
    assert [intent_of(query).age(query.step) for query in second] == ages(Thinking(20, 20))


def test_actions_do_not_depend_on_how_many_episodes_run_at_once():
    numbers = tuple(range(5))
    found = [
        run(Follower(), Thinking(4, 2), num_slots, numbers, exact)
        for num_slots, exact in ((1, False), (3, False), (3, True))
    ]
    for number in numbers:
        for one in found[1:]:
            np.testing.assert_array_equal(one[number].actions, found[0][number].actions)


def test_a_policy_that_does_not_think_and_one_without_a_rate_act_as_they_did():
    agent = Agent(Seeker(), ChunkExecution(1, thinking=Thinking(4)))
    assert thinking(agent) is agent
    two = Agent(Follower(), ChunkExecution(1))
    assert thinking(two) is two
    policy = Follower()
    run(policy, None)
    assert all(query.intent is None for query in policy.queries)


def test_where_decisions_are_rarer_the_thinker_observes_at_the_first_one_that_is_due():
    policy = Follower(chunk=3)
    slots = LocalSlots(1, build)
    execution = ChunkExecution(3, thinking=Thinking(4, 2))
    list(rollout(policy, slots, [job(0, goal=1e6)], execution=execution, horizon=HORIZON))
    assert [one.step for (one,) in policy.thoughts] == [0, 6, 12, 18, 24]
    assert [intent_of(query).step for query in policy.queries] == [0, 0, 0, 6, 6, 12, 12, 18, 18, 24]


def test_an_intent_goes_with_a_delay_of_the_fast_part():
    policy = Follower(chunk=8)
    found = run(policy, Thinking(4, 2), delay=2)
    # The first decision takes effect at once, each other one before the next is asked for.
    assert [query.step for query in policy.queries] == [0, *range(1, HORIZON, 2)]
    assert [one.step for (one,) in policy.thoughts] == [0, *range(5, HORIZON, 4)]
    for query in policy.queries:
        assert intent_of(query).step == max(at for at in (0, *range(5, HORIZON, 4)) if at == 0 or at + 2 <= query.step)
        assert query.delay == 2
    assert found[0].error is None


def test_a_session_acts_as_the_loop_does():
    rate, policy = Thinking(4, 2), Follower()
    expected = run(Follower(), rate)[0].actions[:, 0]
    session = Session(policy, ChunkExecution(1, thinking=rate))
    found, position = [], np.float64(0)
    for step in range(HORIZON):
        image = np.zeros((8, 8, 3), np.uint8)
        image[..., 1] = step
        state = np.array([position], np.float32)
        found.append(session.act({"images": {"front": image}, "state": state, "instruction": "walk"})[0])
        position += np.float64(found[-1])
    np.testing.assert_array_equal(found, expected)


def test_the_timeline_keeps_what_can_still_be_read():
    timeline = IntentTimeline()
    assert timeline.newest(5) is None
    first, second, third = (Intent(step, text=f"from {step}") for step in (0, 4, 8))
    timeline = timeline.add(first, 0).add(second, 12).add(third, 10)
    assert timeline.newest(9) is first
    assert timeline.newest(10) is third
    assert timeline.newest(12) is third  # one that arrives after a newer one is never read
    assert len(timeline.add(Intent(13, text="x"), 14).intents) == 2


class Wrong(Follower):
    """Its thinker stamps every intent with the step before."""

    def think(self, queries):
        return [Intent(query.step - 1, text="x") for query in queries]


def test_wrong_intents_and_rates_are_refused_in_one_line():
    with pytest.raises(PraxiaError, match="latent tokens or of a text, got neither"):
        Intent(0)
    with pytest.raises(PraxiaError, match="got both"):
        Intent(0, np.zeros((1, 1), np.float32), "x")
    for every, late in ((0, 0), (4, 5), (4, -1)):
        with pytest.raises(PraxiaError, match=f"got every {every} and late by {late}"):
            Thinking(every, late)
    policy = ThinkingPolicy(Wrong(), Wrong(), Thinking(2))
    with pytest.raises(MismatchError, match=r"stamped with the steps \[0\], got \[-1\]"):
        policy.act([Query((), "k", 0, 0)], policy.start(1))
    inference = ThreadedInference()
    with pytest.raises(MismatchError, match="without a thinker's rate"):
        list(
            rollout(
                Follower(),
                LocalSlots(1, build),
                [job(0)],
                execution=ChunkExecution(1, thinking=Thinking(2)),
                horizon=3,
                inference=inference,
            )
        )
    inference.close()
