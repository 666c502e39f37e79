from results_testing import made_fingerprint, made_rows

from praxia.results.meta import competitor_of, differences, representatives

OLD = {"seed": 0, "versions": {"numpy": "2.0", "torch": {"cuda": None}}, "revision": "abc"}


def evaluation(signs, stopped=False, **changes):
    return made_rows({"walk": signs}), {"fingerprint": made_fingerprint(**changes), "until_decided": stopped}


def test_noise_does_not_make_another_competitor_and_ensembling_does():
    plain = competitor_of(made_fingerprint())
    execution = {"execution_horizon": 4, "ensemble": None}
    assert competitor_of(made_fingerprint(seed=3, exact=True, execution=execution)) == plain
    for changes in ({"policy_sha256": "beef"}, {"bind_as": "gantry"}, {"execution": {"ensemble": 0.01}}):
        assert competitor_of(made_fingerprint(**changes)) != plain


def test_the_file_with_the_most_episodes_counts_and_one_with_a_fixed_number_first():
    evaluations = [evaluation("11"), evaluation("111"), evaluation("11!!!"), evaluation("1", seed=1)]
    assert representatives(evaluations) == [1] * 4
    assert representatives([evaluation("1111", stopped=True), evaluation("11")]) == [1, 1]
    assert representatives([evaluation("11"), evaluation("11"), evaluation("1", policy_sha256="beef")]) == [0, 0, 2]


def test_differences_are_named_down_to_the_innermost_entry():
    new = {"seed": 1, "versions": {"numpy": "2.0", "torch": {"cuda": "13"}}, "revision": "def"}
    assert differences(OLD, new, ("revision",)) == "seed was 0, is 1; versions torch cuda was None, is '13'"
    assert differences(OLD, new, ("revision", "seed"), ("has", "but")) == "versions torch cuda has None, but '13'"
    assert differences(OLD, OLD) == ""
    assert differences({"execution": {"steps": 4, "ensemble": None}}, {"execution": {"steps": 4}}) == ""


def test_an_entry_that_only_one_side_has_is_a_difference():
    assert differences({"a": 1}, {}) == "a was 1, is None"
    assert differences({}, {"a": 1}) == "a was None, is 1"
