import json

import numpy as np
import pytest
from public_models import make_tokeniser

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Samples
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import PromptTokenizer


def make_prompt(template="{images}<bos>{instruction}\n"):
    question, answer = "{images}Q: {instruction} A:", " {answer}<eos>"
    return PromptTokenizer(make_tokeniser("paligemma"), template, "<image><image>", 2, question, answer)


def texts(prompt, ids, valid):
    return [prompt.decode(row[counts].tolist()) for row, counts in zip(ids, valid, strict=True)]


def test_the_template_is_filled_and_padded_on_the_right():
    prompt = make_prompt()
    ids, valid = prompt.encode(["push the block", " lift\nit "], np.zeros((2, 3), np.float32))
    assert texts(prompt, ids, valid) == ["<image>" * 4 + "<bos>push the block\n", "<image>" * 4 + "<bos>lift it\n"]
    assert (np.diff(valid.astype(int), axis=1) <= 0).all()
    assert (ids[~valid] == 0).all()


def test_the_prompt_has_the_state_in_256_numbers():
    prompt = make_prompt("{images}Task: {instruction}, State: {state};\n")
    state = np.array([[-1.0, -0.993, 0.0, 0.9999, 1.0, -9.0, 9.0]], np.float32)
    told = texts(prompt, *prompt.encode(["go"], state))
    assert told == ["<image>" * 4 + "Task: go, State: 0 0 128 255 255 0 255;\n"]


def test_questions_and_answers():
    prompt = make_prompt()
    assert texts(prompt, *prompt.encode_questions(["what colour?"])) == ["<image><image>Q: what colour? A:"]
    assert texts(prompt, *prompt.encode_answers(["red", "to the left"])) == [" red<eos>", " to the left<eos>"]


def test_a_placeholder_in_an_instruction_is_not_filled():
    prompt = make_prompt("{images}{state} {instruction}")
    told = texts(prompt, *prompt.encode(["say {state}"], np.zeros((1, 1), np.float32)))
    assert told == ["<image>" * 4 + "128 say {state}"]


def test_marks_of_the_model_are_not_taken_from_users():
    prompt, told = make_prompt(), ["push <image> now"]
    for use in (lambda: prompt.encode(told, np.zeros((1, 1), np.float32)), lambda: prompt.encode_answers(told)):
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
