"""A policy beside a thinker that is another object."""

import numpy as np
import pytest
from toy_thinkers import Follower
from toy_world import Seeker, build, job

from praxia.core.errors import MismatchError
from praxia.core.intent import Intent, Thinking
from praxia.core.types import ChunkExecution
from praxia.rollout.instructed import Instructed
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.thinking import Thinker


def run(policy, rate):
    slots, execution = LocalSlots(1, build), ChunkExecution(1, thinking=rate)
    (found,) = rollout(policy, slots, [job(0, goal=1e6)], execution=execution, horizon=10)
    return found.actions


@pytest.mark.parametrize("rate", [None, Thinking(4, 2)], ids=str)
def test_the_policy_gets_the_intents_of_the_thinker_and_acts_as_it_did(rate):
    policy, thinker = Seeker(chunk=1), Follower()
    both = Instructed(policy, thinker)
    assert isinstance(both, Thinker)
    np.testing.assert_array_equal(run(both, rate), run(Seeker(chunk=1), None))
    intents = [query.intent for query in policy.queries]
    expected = list(range(10)) if rate is None else [0, 0, 0, 0, 0, 0, 4, 4, 4, 4]
    assert [intent and intent.step for intent in intents] == expected


class Late(Follower):
    """Stamps its intents with a step of its own."""

    def think(self, queries):
        return [Intent(99, text="x") for _ in queries]


def test_a_wrong_stamp_is_refused_with_and_without_a_rate():
    for rate in (None, Thinking(4, 2)):
        with pytest.raises(MismatchError, match=r"stamped with the steps \[0\], got \[99\]"):
            run(Instructed(Seeker(chunk=1), Late()), rate)
