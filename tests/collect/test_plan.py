from praxia.collect.plan import Collection


def test_noise_and_mistakes_take_turns_within_every_task():
    collection = Collection("toy", ("walk", "run"), 12, horizon=9, noise=(0.0, 0.1, 0.4), blunder_every=4)
    for task in (0, 1):
        mine = [index for index in range(len(collection)) if index % 2 == task]
        assert [collection.noise_of(index) for index in mine] == [0.0, 0.1, 0.4] * 4
        blunders = [at for at, index in enumerate(mine) if collection.blunders_in(index)]
        assert blunders == [3, 7, 11]
        # Mistakes meet every level of noise.
        assert len({collection.noise_of(mine[at]) for at in blunders}) == 3


def test_without_a_rhythm_nobody_errs_on_purpose():
    collection = Collection("toy", ("walk",), 8, horizon=9)
    assert not any(collection.blunders_in(index) for index in range(8))
