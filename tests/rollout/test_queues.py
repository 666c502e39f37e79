from praxia.rollout.queues import GroupedQueue, OrderedQueue


def test_whoever_did_a_piece_of_a_group_gets_the_next_and_then_helps_the_longest():
    waiting = GroupedQueue(["a1", "b1", "a2", "b2", "b3", "c1"], lambda item: item[0])
    assert waiting.take("ann") == "b1"
    assert waiting.take("ann") == "b2"
    assert waiting.take("ben") == "a1"
    assert waiting.take("ben") == "a2"
    assert waiting.take("ben") == "b3"
    assert waiting.take("ann") == "c1"
    assert waiting.take("ann") is None


def test_what_is_put_back_is_next():
    waiting = GroupedQueue(["a1", "a2", "b1"], lambda item: item[0])
    item = waiting.take("ann")
    assert item == "a1"
    waiting.put_back(item)
    assert waiting.take("ann") == "a1"


def test_nothing_gives_nothing():
    assert GroupedQueue([], lambda item: item).take(0) is None
    assert OrderedQueue([], lambda item: item, ahead=3).take(0) is None


ROUNDS = ["a1", "b1", "c1", "d1", "a2", "b2", "c2", "d2", "a3", "b3", "c3", "d3"]


def test_in_turn_everybody_goes_round_among_the_same_groups():
    waiting = OrderedQueue(ROUNDS, lambda item: item[0], ahead=4)
    taken = [(waiting.take("ann"), waiting.take("ben")) for _ in range(4)]
    assert taken == [("a1", "b1"), ("c1", "d1"), ("a2", "b2"), ("c2", "d2")]
    # Ben is slow: Ann does her own first, and then his.
    assert [waiting.take("ann") for _ in range(4)] == ["a3", "c3", "b3", "d3"]


def test_in_turn_nobody_runs_ahead_by_more_than_it_is_allowed():
    waiting = OrderedQueue(ROUNDS, lambda item: item[0], ahead=4)
    first = waiting.take("ann")
    hurried = [waiting.take("ben") for _ in ROUNDS[1:]]
    assert first == "a1"
    assert set(hurried) == set(ROUNDS[1:])
    for place, item in enumerate(hurried):
        # Before an item is taken, no more than three earlier ones may be left.
        earlier = ROUNDS[1 : ROUNDS.index(str(item))]
        assert sum(other not in hurried[:place] for other in earlier) <= 3


def test_in_turn_a_single_group_is_taken_in_order():
    waiting = OrderedQueue(ROUNDS, lambda item: "all", ahead=4)
    assert [waiting.take(who) for who in "abcabbccabca"] == ROUNDS
