from praxia.rollout.waiting import Waiting


def test_whoever_did_a_piece_of_a_group_gets_the_next_and_then_helps_the_longest():
    waiting = Waiting(["a1", "b1", "a2", "b2", "b3", "c1"], lambda item: item[0])
    assert waiting.take(None) == "b1"
    assert [waiting.take("b1"), waiting.take("a0")] == ["b2", "a1"]
    assert waiting.take("z0") == "a2"
    assert waiting.take("a2") == "b3"
    assert waiting.take("b3") == "c1"
    assert waiting.take("c1") is None


def test_what_is_put_back_is_next():
    waiting = Waiting(["a1", "a2", "b1"], lambda item: item[0])
    item = waiting.take(None)
    assert item == "a1"
    waiting.put_back(item)
    assert waiting.take("a1") == "a1"


def test_nothing_gives_nothing():
    assert Waiting([], lambda item: item).take(None) is None
