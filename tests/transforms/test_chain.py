import json
from dataclasses import replace

import numpy as np

from praxia.core.window import Samples
from praxia.nn.queries import to_batch
from praxia.transforms.chain import Transforms
from praxia.transforms.normalise import Normaliser

TEXTS = ["open the door by its handle", "press the red button from above", "close the drawer"]


def stats(state, action):
    """Statistics of a data set whose quantiles are -x and x."""
    highest = {"observation.state": np.array(state, float), "action": np.array(action, float)}
    signs = {"min": -1, "q01": -1, "q99": 1, "max": 1}
    return {name: {key: (sign * value).tolist() for key, sign in signs.items()} for name, value in highest.items()}


def samples(embodiment, dims):
    """Two timesteps and one action per row, all 2, padded with 9."""
    rows = len(embodiment)
    values = np.full((rows, 2, 3), 9, np.float32)
    for row, size in enumerate(dims):
        values[row, :, :size] = 2
    return Samples({}, {}, values, np.ones((rows, 2), bool), ("a",) * rows, np.array(embodiment), values, None)


def test_several_data_sets_of_one_embodiment_share_the_range_that_holds_all():
    transforms = Transforms.fit([[stats([1, 5], [2]), stats([3, 4], [1])]], TEXTS)
    assert transforms.embodiments[0].state == Normaliser((-3.0, -5.0), (3.0, 5.0))
    assert transforms.embodiments[0].action == Normaliser((-2.0,), (2.0,))


def test_each_row_is_normalised_by_its_own_embodiment_and_what_it_lacks_is_zero():
    transforms = Transforms.fit([[stats([1, 2, 4], [1, 2, 4])], [stats([8], [16, 32])]], TEXTS)
    encoded = transforms.encode(samples([1, 0, 1], [1, 3, 1]))
    np.testing.assert_array_equal(encoded.state[:, 0], [[0.25, 0, 0], [2, 1, 0.5], [0.25, 0, 0]])
    decoded = [transforms.decode(np.ones((1, 3), np.float32), embodiment) for embodiment in (0, 1)]
    np.testing.assert_array_equal(decoded[0], [[1, 2, 4]])
    np.testing.assert_array_equal(decoded[1], [[16, 32]])


def test_targets_and_past_actions_are_normalised_as_states_and_actions():
    transforms = Transforms.fit([[stats([1, 2, 4], [1, 2, 4])], [stats([8], [16, 32])]], TEXTS)
    plain = samples([1, 0, 1], [1, 3, 1])
    later = replace(plain, target_state=plain.state, past_action=plain.action)
    encoded = transforms.encode(later)
    np.testing.assert_array_equal(encoded.target_state, encoded.state)
    np.testing.assert_array_equal(encoded.past_action, encoded.action)
    assert transforms.encode(replace(later, action=None)).past_action is not None


def test_a_batch_has_what_the_samples_have():
    transforms = Transforms.fit([[stats([1, 2, 4], [1, 2, 4])]], TEXTS)
    plain = samples([0, 0], [3, 3])
    images, valid = np.arange(2 * 2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 2, 4, 5, 3), np.eye(2, dtype=bool)
    reward = np.ones((2, 2), np.float32)
    full = replace(plain, target_images={"top": images}, target_image_valid={"top": valid}, reward=reward)
    batch = to_batch(transforms.encode(replace(full, target_state=plain.state)), transforms)
    assert batch.target_images["top"].shape == (2, 2, 3, 4, 5)
    np.testing.assert_array_equal(batch.target_images["top"].permute(0, 1, 3, 4, 2).numpy(), images)
    np.testing.assert_array_equal(batch.target_image_valid["top"].numpy(), valid)
    np.testing.assert_array_equal(batch.target_state.numpy(), batch.state.numpy())
    np.testing.assert_array_equal(batch.reward.numpy(), reward)
    assert (batch.past_action, batch.terminated) == (None, None)
    moved = batch.to(batch.state.device)
    assert moved.target_images["top"].shape == (2, 2, 3, 4, 5)


def test_transforms_survive_json():
    transforms = Transforms.fit([[stats([1, 2, 4], [1])], [stats([8], [16, 32])]], TEXTS)
    assert Transforms.from_json(json.loads(json.dumps(transforms.to_json()))) == transforms
