from praxia.results.pairs import round_robin

ITEMS = [f"{task}{number}" for task, count in (("a", 3), ("b", 1), ("c", 2)) for number in range(count)]


def test_every_round_has_one_of_each_task_that_is_left():
    order = list(round_robin(ITEMS, lambda item: item[0]))
    assert sorted(order[:3]) == ["a0", "b0", "c0"]
    assert sorted(order[3:5]) == ["a1", "c1"]
    assert order[5:] == ["a2"]


def test_the_order_of_a_round_is_the_same_for_everyone_but_not_for_every_round():
    many = [f"{task}{number}" for task in "abcdefgh" for number in range(4)]
    order = list(round_robin(many, lambda item: item[0]))
    assert order == list(round_robin(sorted(many, key=lambda item: item[::-1]), lambda item: item[0]))
    rounds = ["".join(item[0] for item in order[at : at + 8]) for at in range(0, 32, 8)]
    assert all(sorted(one) == list("abcdefgh") for one in rounds)
    assert len(set(rounds)) > 1


def test_a_longer_plan_begins_as_a_shorter_one():
    shorter = [f"{task}{number}" for task in "abc" for number in range(2)]
    longer = [f"{task}{number}" for task in "abc" for number in range(5)]
    assert list(round_robin(longer, lambda item: item[0]))[:6] == list(round_robin(shorter, lambda item: item[0]))


def test_what_a_stop_left_begins_as_the_plan_did():
    """Of the plan's first 21 items all are there, of the next ones some, in which tasks are missing and skipped."""
    plan = list(round_robin([f"{task}{number}" for task in "abcdefgh" for number in range(5)], lambda item: item[0]))
    left = plan[:21] + plan[22:40:3]
    assert {item[0] for item in left[21:]} < set("abcdefgh")
    assert list(round_robin(sorted(left), lambda item: item[0]))[:21] == plan[:21]
