import json

import numpy as np
import pytest
from public_models import make_tokeniser

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.window import Samples
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import PromptTokenizer, TextTokenizer

TEXTS = ["open the door by its handle", "press the red button from above", "close the drawer"]


def make_prompt(template="{images}<bos>{instruction}\n"):
    question, answer = "{images}Q: {instruction} A:", " {answer}<eos>"
    return PromptTokenizer(make_tokeniser("paligemma"), template, "<image><image>", 2, question, answer)


def texts(prompt, tokens, valid):
    return [prompt.decode(row[counts].tolist()) for row, counts in zip(tokens, valid, strict=True)]


def test_the_template_is_filled_and_padded_on_the_right():
    prompt = make_prompt()
    tokens, valid = prompt.encode(["push the block", " lift\nit "], np.zeros((2, 3), np.float32))
    assert texts(prompt, tokens, valid) == ["<image>" * 4 + "<bos>push the block\n", "<image>" * 4 + "<bos>lift it\n"]
    assert (np.diff(valid.astype(int), axis=1) <= 0).all()
    assert (tokens[~valid] == 0).all()


def test_the_prompt_has_the_state_in_256_numbers():
    prompt = make_prompt("{images}Task: {instruction}, State: {state};\n")
    state = np.array([[-1.0, -0.993, 0.0, 0.9999, 1.0, -9.0, 9.0]], np.float32)
    prompts = texts(prompt, *prompt.encode(["go"], state))
    assert prompts == ["<image>" * 4 + "Task: go, State: 0 0 128 255 255 0 255;\n"]


def test_questions_and_answers():
    prompt = make_prompt()
    assert texts(prompt, *prompt.encode_questions(["what colour?"])) == ["<image><image>Q: what colour? A:"]
    assert texts(prompt, *prompt.encode_answers(["red", "to the left"])) == [" red<eos>", " to the left<eos>"]


def test_a_placeholder_in_an_instruction_is_not_filled():
    prompt = make_prompt("{images}{state} {instruction}")
    prompts = texts(prompt, *prompt.encode(["say {state}"], np.zeros((1, 1), np.float32)))
    assert prompts == ["<image>" * 4 + "128 say {state}"]


def test_marks_of_the_model_are_not_taken_from_users():
    prompt, prompts = make_prompt(), ["push <image> now"]
    for use in (lambda: prompt.encode(prompts, np.zeros((1, 1), np.float32)), lambda: prompt.encode_answers(prompts)):
        with pytest.raises(PraxiaError, match=r"expected plain text, got 'push <image> now', which holds '<image>'"):
            use()


@pytest.mark.parametrize("template", ["{instruction}", "{images}{images}{instruction}", "{images} go"])
def test_templates_that_cannot_be_filled(template):
    with pytest.raises(PraxiaError, match=r"expected a template with {images} once and {instruction}, got"):
        make_prompt(template)


def make_transforms(prompt, sizes=(1,)):
    embodiments = (
        EmbodimentTransforms(Normaliser((0.0,) * size, (4.0,) * size), Normaliser((0.0,), (1.0,))) for size in sizes
    )
    return Transforms(tuple(embodiments), prompt)


def make_samples(state):
    return Samples({}, {}, state, np.ones(state.shape[:2], bool), ("go",), np.zeros(1, np.int64), None, None)


def test_it_survives_json_and_its_prompt_has_the_newest_normalised_state():
    transforms = make_transforms(make_prompt("{images}{instruction} {state}"))
    again = Transforms.from_json(json.loads(json.dumps(transforms.to_json())))
    assert again == transforms
    samples = again.encode(make_samples(np.array([[[0.0], [3.0]]], np.float32)))
    assert isinstance(again.tokenizer, PromptTokenizer)
    assert texts(again.tokenizer, *again.text(samples)) == ["<image>" * 4 + "go 192"]


def test_a_prompt_with_the_state_needs_embodiments_of_one_size():
    transforms = make_transforms(make_prompt("{images}{instruction} {state}"), sizes=(1, 2))
    with pytest.raises(MismatchError, match=r"embodiments of one state size, got \[1, 2\]"):
        transforms.text(make_samples(np.zeros((1, 1, 2), np.float32)))


def test_tokens_round_trip_and_are_padded():
    tokenizer = TextTokenizer.fit(TEXTS)
    tokens, valid = tokenizer.encode(TEXTS)
    assert tokens.shape == valid.shape == (3, valid.sum(1).max())  # no longer than the longest
    assert not valid.all()
    assert (tokens[~valid] == 0).all()
    for row, text in enumerate(TEXTS):
        assert tokenizer.decode(tokens[row][valid[row]].tolist()) == text


def test_a_fitted_vocabulary_does_not_depend_on_order_or_repetition():
    assert TextTokenizer.fit(TEXTS) == TextTokenizer.fit([*reversed(TEXTS), TEXTS[0]])


def test_an_unseen_instruction_keeps_its_letters_and_overlong_ones_are_cut():
    tokenizer = TextTokenizer.fit(TEXTS)
    tokens, valid = tokenizer.encode(["Turn the dial"])
    assert tokenizer.decode(tokens[0][valid[0]].tolist()) == "turn the dial"
    tokens, valid = tokenizer.encode(["x" * 500])
    assert valid.all()
    assert tokens.max() < tokenizer.vocab_size


def test_truncated_instructions_are_listed():
    tokenizer = TextTokenizer.fit(TEXTS)
    long = "put the cube " * tokenizer.max_length
    assert tokenizer.truncated([*TEXTS, long, long, ""]) == [long]
