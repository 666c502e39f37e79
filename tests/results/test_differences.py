from praxia.results.differences import differences

OLD = {"seed": 0, "versions": {"numpy": "2.0", "torch": {"cuda": None}}, "revision": "abc"}


def test_differences_are_named_down_to_the_innermost_entry():
    new = {"seed": 1, "versions": {"numpy": "2.0", "torch": {"cuda": "13"}}, "revision": "def"}
    assert differences(OLD, new, ("revision",)) == "seed was 0, is 1; versions torch cuda was None, is '13'"
    assert differences(OLD, new, ("revision", "seed"), ("has", "but")) == "versions torch cuda has None, but '13'"
    assert differences(OLD, OLD) == ""
    assert differences({"execution": {"steps": 4, "ensemble": None}}, {"execution": {"steps": 4}}) == ""


def test_an_entry_that_only_one_side_has_is_a_difference():
    assert differences({"a": 1}, {}) == "a was 1, is None"
    assert differences({}, {"a": 1}) == "a was None, is 1"
