"""The control of two systems: intents of other episodes, the same ones however episodes are run."""

import json

import pytest
from toy_benchmark import BENCHMARK, evaluate_toy
from toy_thinkers import Follower, number_of

from praxia.core.errors import PraxiaError
from praxia.core.intent import Thinking
from praxia.evaluation import shuffled_intents

THINKS = BENCHMARK.with_thinking(Thinking(4, 3))
EPISODES = 3


@pytest.fixture(autouse=True)
def few_starts(monkeypatch):
    """Numbers that fit into a pixel, in which the toy world shows them."""
    monkeypatch.setattr(shuffled_intents, "STARTS", range(200, 204))


def run(out, **options):
    policy = Follower()
    evaluate_toy(out, policy, benchmark=THINKS, episodes=EPISODES, **options)
    return policy


def test_intents_are_of_starts_that_are_not_evaluated_and_keep_their_step(tmp_path):
    policy = run(tmp_path / "out.jsonl", control="shuffled-intent")
    oldest, seen = Thinking(4, 3).oldest, set()
    for query in policy.queries:
        assert query.intent is not None
        assert query.intent.latent is not None
        assert query.intent.age(query.step) <= oldest
        assert number_of(query) < EPISODES
        seen.add(int(query.intent.latent[0, 0]))
    assert min(seen) >= 200
    assert len(seen) > 1


def test_rows_do_not_depend_on_how_episodes_are_run(tmp_path):
    rows = []
    for number, workers in enumerate((1, 2)):
        out = tmp_path / f"{number}.jsonl"
        run(out, control="shuffled-intent", workers=workers)
        rows.append([{**json.loads(line), "wall_s": None} for line in out.read_text().splitlines()])
    assert rows[0] == rows[1]
    assert all(row["control"] == "shuffled-intent" for row in rows[0])


def test_the_intents_of_an_episode_do_not_depend_on_how_many_are_evaluated(tmp_path):
    seen = []
    for episodes in (1, 2):
        policy = Follower()
        evaluate_toy(
            tmp_path / f"{episodes}.jsonl", policy, benchmark=THINKS, episodes=episodes, control="shuffled-intent"
        )
        seen.append({(one.key, one.step): one.intent.latent[0, 0] for one in policy.queries})
    assert seen[0].items() <= seen[1].items()
    assert len(seen[1]) > len(seen[0])


def test_it_is_refused_where_there_are_no_intents(tmp_path):
    with pytest.raises(PraxiaError, match="expects a policy of two systems, and a benchmark of them"):
        evaluate_toy(tmp_path / "one.jsonl", benchmark=THINKS, control="shuffled-intent")
    with pytest.raises(PraxiaError, match="such as toy/plain/think-8-late-8"):
        evaluate_toy(tmp_path / "two.jsonl", Follower(), control="shuffled-intent")
    assert not list(tmp_path.iterdir()), "nothing is begun"
