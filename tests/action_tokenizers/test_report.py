import numpy as np

from praxia.action_tokenizers.bins import UniformBins
from praxia.action_tokenizers.report import round_trips
from praxia.core.embodiment import Field
from praxia.transforms.normalise import Normaliser


def test_errors_are_in_normalised_and_in_declared_units_over_valid_steps():
    coarse = UniformBins(2, (-1.0, -1.0), (1.0, 1.0), num_bins=2)  # centres -0.5 and 0.5
    chunks = np.float32([[[0.5, 0.9], [-0.5, -0.5]], [[-0.5, 0.5], [2.5, 0.5]]])
    valid = np.array([[True, True], [True, False]])
    fields = (Field("move", 1, "delta", "m"), Field("close", 1, "gripper", "cm"))
    to_units = Normaliser((-10.0, -3.0), (10.0, 3.0)).decode
    row = round_trips({"coarse": coarse}, chunks, valid, to_units, fields)["coarse"]
    np.testing.assert_allclose([row["mse"], row["max_error"]], [0.16 / 6, 0.4], rtol=1e-5)
    assert row["fields"]["move"] == {"unit": "m", "mse": 0.0, "max_error": 0.0}
    assert row["fields"]["close"]["unit"] == "cm"
    np.testing.assert_allclose(row["fields"]["close"]["max_error"], 1.2, rtol=1e-5)
    assert (row["tokens"], row["compression"], row["clipped_share"], row["vocab_size"]) == (4.0, 1.0, 1 / 8, 2)
