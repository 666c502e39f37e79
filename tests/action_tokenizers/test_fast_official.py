"""Against the published algorithm, written down straightforwardly: a character per coefficient, a loop over chunks."""

import json

import numpy as np
import pytest
import scipy.fft
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.trainers import BpeTrainer

from praxia.action_tokenizers import action_tokenizer_from_json
from praxia.action_tokenizers.fast import load_official
from praxia.action_tokenizers.interface import Status
from praxia.core.errors import MismatchError, PraxiaError

SCALE, HORIZON, DIMS = 10, 12, 3


def texts(chunks, min_token):
    coefficients = np.around(scipy.fft.dct(chunks.astype(np.float64), axis=1, norm="ortho") * SCALE)
    return ["".join(map(chr, (one.flatten() - min_token).astype(int))) for one in coefficients]


def publish(folder, chunks, low, high, **config):
    """A folder as the public tokenizer fits and saves it, for coefficients of low .. high."""
    bpe = ByteLevelBPETokenizer()
    alphabet = [chr(number) for number in range(high - low + 1)]
    trainer = BpeTrainer(vocab_size=1024, min_frequency=2, show_progress=False, initial_alphabet=alphabet)
    bpe._tokenizer.train_from_iterator(texts(chunks, low), trainer)
    folder.mkdir()
    bpe.save(str(folder / "tokenizer.json"))
    saved = {"scale": SCALE, "vocab_size": 1024, "min_token": low, "time_horizon": None, "action_dim": None}
    text = json.dumps({"processor_class": "UniversalActionProcessor", **saved, **config})
    (folder / "processor_config.json").write_text(text)
    return folder


# The wide alphabet is that of FAST+: it has every byte.
WIDE = (-354, 400)


@pytest.fixture(scope="module", params=[(-80, 80), WIDE], ids=["narrow", "wide"])
def published(request, smooth, tmp_path_factory):
    return publish(tmp_path_factory.mktemp("official") / "fast", smooth(300), *request.param)


def min_token(folder):
    return json.loads((folder / "processor_config.json").read_text())["min_token"]


def test_tokens_are_those_of_the_published_algorithm(published, smooth):
    chunks = smooth(60, seed=1)
    reference = Tokenizer.from_file(str(published / "tokenizer.json"))
    encoded = load_official(published, HORIZON, DIMS).encode(chunks)
    known = encoded.num_clipped == 0
    assert known.sum() > 50
    for row, text in enumerate(texts(chunks, min_token(published))):
        if known[row]:
            assert encoded.tokens[row][encoded.valid[row]].tolist() == reference.encode(text).ids


def test_chunks_are_those_of_the_published_algorithm(published, smooth):
    tokenizer, chunks = load_official(published, HORIZON, DIMS), smooth(60, seed=2)
    reference = Tokenizer.from_file(str(published / "tokenizer.json"))
    encoded = tokenizer.encode(chunks)
    decoded = tokenizer.decode(encoded.tokens, encoded.valid)
    assert (decoded.status == Status.OK).all()
    for row, tokens in enumerate(encoded.tokens):
        text = reference.decode(tokens[encoded.valid[row]].tolist(), skip_special_tokens=False)
        coefficients = np.array([ord(character) for character in text]) + min_token(published)
        expected = scipy.fft.idct(coefficients.reshape(HORIZON, DIMS) / SCALE, axis=0, norm="ortho")
        np.testing.assert_allclose(decoded.chunks[row], expected, atol=1e-6)


def test_any_token_alone_decodes_as_the_library_does(published):
    tokenizer = load_official(published, 1, 1)
    reference = Tokenizer.from_file(str(published / "tokenizer.json"))
    tokens = np.arange(tokenizer.vocab_size)[:, None]
    decoded = tokenizer.decode(tokens, np.ones(tokens.shape, bool))
    for number, status in enumerate(decoded.status):
        text = reference.decode([number], skip_special_tokens=False)
        if status == Status.OK:
            assert round(float(decoded.chunks[number, 0, 0]) * SCALE) == ord(text) + min_token(published)
        else:
            assert len(text) > 1 or ord(text) >= 0x800  # among them U+FFFD for half a character


def test_coefficients_without_bytes_in_the_vocabulary_are_clipped_and_counted(published):
    tokenizer = load_official(published, HORIZON, DIMS)
    far = np.zeros((2, HORIZON, DIMS), np.float32)
    far[0, :, 0], far[1, :, 1] = -40, 400
    encoded = tokenizer.encode(far)
    assert encoded.num_clipped.tolist() == [1, 1]
    assert (tokenizer.decode(encoded.tokens, encoded.valid).status == Status.OK).all()


@pytest.mark.parametrize("published", [WIDE], indirect=True)
def test_rows_that_encode_no_chunk_are_nan_with_a_status(published, smooth):
    tokenizer = load_official(published, HORIZON, DIMS)
    tokens = Tokenizer.from_file(str(published / "tokenizer.json")).get_vocab()
    lead = tokens["Â"]  # the first of two bytes
    good = tokenizer.encode(smooth(1, seed=3)).tokens[0].tolist()
    rows = [[*good, 0], [*good[:-1], 0, 0], [*good, *good[:1]], [*good, tokenizer.vocab_size], [*good, lead]]
    valid = np.arange(len(good) + 1) < len(good) + np.array([0, -1, 1, 1, 1])[:, None]
    decoded = tokenizer.decode(np.array(rows), valid)
    expected = [Status.OK, Status.TOO_SHORT, Status.TOO_LONG, Status.UNKNOWN_TOKEN, Status.MALFORMED]
    assert decoded.status.tolist() == expected
    assert np.isnan(decoded.chunks[1:]).all()


def test_it_survives_json(published):
    tokenizer = load_official(published, HORIZON, DIMS)
    assert action_tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer


def test_a_horizon_that_the_folder_contradicts_is_refused(smooth, tmp_path):
    folder = publish(tmp_path / "fast", smooth(50), -80, 80, time_horizon=50)
    with pytest.raises(MismatchError, match="time_horizon of 50, got 12; fit a tokenizer"):
        load_official(folder, 12, 3)


def test_a_missing_or_foreign_file_is_refused(smooth, tmp_path):
    with pytest.raises(PraxiaError, match=r"processor_config.json.*No such file.*download"):
        load_official(tmp_path, 12, 3)
    folder = publish(tmp_path / "fast", smooth(50), -80, 80)
    (folder / "tokenizer.json").write_text('{"model": {"type": "WordPiece"}}')
    with pytest.raises(PraxiaError, match="BPE is missing"):
        load_official(folder, 12, 3)
    (folder / "processor_config.json").write_text('{"scale": 10}')
    with pytest.raises(PraxiaError, match="it lacks min_token"):
        load_official(folder, 12, 3)
