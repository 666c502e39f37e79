from praxia.rollout.queues import GroupedQueue, OrderedQueue


def test_a_worker_stays_with_its_group_and_then_helps_the_longest():
    queue = GroupedQueue(["a1", "b1", "a2", "b2", "b3", "c1"], lambda item: item[0])
    assert queue.take("ann") == "b1"
    assert queue.take("ann") == "b2"
    assert queue.take("ben") == "a1"
    assert queue.take("ben") == "a2"
    assert queue.take("ben") == "b3"
    assert queue.take("ann") == "c1"
    assert queue.take("ann") is None


def test_an_item_that_is_put_back_is_next():
    queue = GroupedQueue(["a1", "a2", "b1"], lambda item: item[0])
    item = queue.take("ann")
    assert item == "a1"
    queue.put_back(item)
    assert queue.take("ann") == "a1"


def test_empty_queues_give_none():
    assert GroupedQueue([], lambda item: item).take(0) is None
    assert OrderedQueue([], lambda item: item, lookahead=3).take(0) is None


ROUNDS = ["a1", "b1", "c1", "d1", "a2", "b2", "c2", "d2", "a3", "b3", "c3", "d3"]


def test_workers_cycle_through_their_own_groups():
    queue = OrderedQueue(ROUNDS, lambda item: item[0], lookahead=4)
    taken = [(queue.take("ann"), queue.take("ben")) for _ in range(4)]
    assert taken == [("a1", "b1"), ("c1", "d1"), ("a2", "b2"), ("c2", "d2")]
    # Ben is slow: Ann takes her own groups first, and then his.
    assert [queue.take("ann") for _ in range(4)] == ["a3", "c3", "b3", "d3"]


def test_no_item_is_taken_beyond_the_lookahead():
    queue = OrderedQueue(ROUNDS, lambda item: item[0], lookahead=4)
    first = queue.take("ann")
    hurried = [queue.take("ben") for _ in ROUNDS[1:]]
    assert first == "a1"
    assert set(hurried) == set(ROUNDS[1:])
    for at, item in enumerate(hurried):
        # Before an item is taken, no more than three earlier ones may be left.
        earlier = ROUNDS[1 : ROUNDS.index(str(item))]
        assert sum(other not in hurried[:at] for other in earlier) <= 3


def test_a_single_group_is_taken_in_order():
    queue = OrderedQueue(ROUNDS, lambda item: "all", lookahead=4)
    assert [queue.take(worker) for worker in "abcabbccabca"] == ROUNDS
