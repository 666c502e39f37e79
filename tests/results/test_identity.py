from results_testing import made_fingerprint, made_rows

from praxia.results.identity import competing, competitor_of


def evaluation(signs, stopped=False, **changes):
    return made_rows({"walk": signs}), {"fingerprint": made_fingerprint(**changes), "until_decided": stopped}


def test_noise_does_not_make_another_competitor_and_ensembling_does():
    plain = competitor_of(made_fingerprint())
    assert (
        competitor_of(made_fingerprint(seed=3, exact=True, execution={"execution_horizon": 4, "ensemble": None}))
        == plain
    )
    for changes in ({"policy_sha256": "beef"}, {"bind_as": "gantry"}, {"execution": {"ensemble": 0.01}}):
        assert competitor_of(made_fingerprint(**changes)) != plain


def test_the_file_with_the_most_judged_episodes_counts_and_one_of_a_fixed_number_first():
    assert competing([evaluation("11"), evaluation("111"), evaluation("11!!!"), evaluation("1", seed=1)]) == [1] * 4
    assert competing([evaluation("1111", stopped=True), evaluation("11")]) == [1, 1]
    assert competing([evaluation("11"), evaluation("11"), evaluation("1", policy_sha256="beef")]) == [0, 0, 2]
