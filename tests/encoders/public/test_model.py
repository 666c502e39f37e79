"""Tiny models of the public families, against what `transformers` itself computes with the same weights."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from public_models import MODELS, make_model, save_model, small_config
from safetensors.torch import load_file, save_file

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.encoders.public.model import PublicVLM
from praxia.nn.types import Batch, HasBackbone, Pretrained, Shapes

INSTRUCTIONS = ("push the block", "what colour is the block to the left?")
CAMERAS = ("front", "wrist")


def no_chunks():
    raise AssertionError("a public model does not learn from actions")


@pytest.fixture(scope="module", params=MODELS)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
    return save_model(family, tmp_path_factory.mktemp(family))


def make_encoder(family, folder, **options):
    config = PublicVLM(MODELS[family], str(folder), **options).fit(no_chunks)
    shapes = Shapes(CAMERAS, num_images=2, num_states=1, embodiment_dims=((3, 2),), horizon=4, vocab_size=1)
    encoder = config.build(shapes).eval()
    encoder.load()
    return config, encoder


def make_batch(config, encoder, size=None):
    """Two rows with prompts of other lengths and two images each."""
    text, valid = config.prompt_tokenizer(2).encode(INSTRUCTIONS, np.zeros((2, 3), np.float32))
    size = size or (encoder.side, encoder.side)
    pixels = torch.Generator().manual_seed(0)
    images = {name: torch.randint(0, 256, (2, 1, 3, *size), dtype=torch.uint8, generator=pixels) for name in CAMERAS}
    return Batch(
        images=images,
        image_valid={name: torch.ones(2, 1, dtype=torch.bool) for name in CAMERAS},
        state=torch.randn(2, 1, 3, generator=pixels),
        state_valid=torch.ones(2, 1, dtype=torch.bool),
        text=torch.from_numpy(text),
        text_valid=torch.from_numpy(valid),
        embodiment=torch.zeros(2, dtype=torch.int64),
    )


def official_pixels(family, images):
    """What the family's own processor makes of uint8 images [n, 3, Y, X] of the right size."""
    arrays = [np.asarray(image.permute(1, 2, 0)) for image in images]
    if family == "paligemma":
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        return SiglipImageProcessorPil(do_resize=False)(arrays, return_tensors="pt")
    if family == "smolvlm":
        from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

        found = SmolVLMImageProcessorPil(
            size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
        )([arrays], return_tensors="pt")
        return {"pixel_values": found["pixel_values"]}
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(patch_size=2, do_resize=False)(arrays, return_tensors="pt")


def official_logits(family, ids, num_prompt, images):
    """One row through the complete public model: a prompt of `num_prompt` tokens, and an answer after it."""
    more = dict(official_pixels(family, images))
    kinds = torch.arange(len(ids)) >= num_prompt
    if family == "paligemma":
        more["token_type_ids"] = kinds.long()[None]
    if family == "qwen2_5_vl":
        more["mm_token_type_ids"] = (ids == small_config(family)["image_token_id"]).int()[None]
    with torch.inference_mode():
        return make_model(family)(input_ids=ids[None], attention_mask=torch.ones(1, len(ids)).long(), **more).logits[0]


def test_its_answers_are_those_of_the_public_model(family, folder):
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    with torch.inference_mode():
        context = encoder(batch)
        said = encoder.language_model.logits(context.tokens)
    for row, valid in enumerate(batch.text_valid):
        ids = batch.text[row, valid]
        expected = official_logits(family, ids, len(ids), torch.cat([one[row] for one in batch.images.values()]))
        assert expected.std() > 0.1
        torch.testing.assert_close(said[row, : len(ids)], expected, atol=2e-5, rtol=2e-5)


def test_it_reads_on_as_the_public_model_reads_at_once(family, folder):
    """Through the cache and at the right positions, behind prompts of other lengths."""
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    answers, valid = map(torch.from_numpy, config.prompt_tokenizer(2).encode_answers(["red", "to the left"]))
    with torch.inference_mode():
        said = encoder.answer_logits(batch, answers, valid)
    for row in range(2):
        ids = torch.cat([batch.text[row, batch.text_valid[row]], answers[row, valid[row]]])
        num_prompt = int(batch.text_valid[row].sum())
        images = torch.cat([one[row] for one in batch.images.values()])
        expected = official_logits(family, ids, num_prompt, images)[num_prompt - 1 :]
        torch.testing.assert_close(said[row, : len(expected)], expected, atol=2e-5, rtol=2e-5)


def test_the_answer_loss_is_cross_entropy_of_the_answer(family, folder):
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    answers, valid = map(torch.from_numpy, config.prompt_tokenizer(2).encode_answers(["red", "to the left"]))
    loss, _ = encoder.answer_loss(dataclasses.replace(batch, answer=answers, answer_valid=valid))
    expected = []
    for row in range(2):
        ids = torch.cat([batch.text[row, batch.text_valid[row]], answers[row, valid[row]]])
        begin = int(batch.text_valid[row].sum())
        images = torch.cat([one[row] for one in batch.images.values()])
        chances = official_logits(family, ids, begin, images).double().log_softmax(-1)
        expected += [-chances[at - 1, ids[at]] for at in range(begin, len(ids))]
    torch.testing.assert_close(loss.double(), torch.stack(expected).mean(), atol=1e-5, rtol=1e-5)


def test_the_state_and_the_readout_see_the_prompt_and_it_does_not_see_them(family, folder):
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    with torch.inference_mode():
        before = encoder(batch)
        after = encoder(dataclasses.replace(batch, state=batch.state + 1))
        other = {**batch.images, "front": 255 - batch.images["front"]}
        elsewhere = encoder(dataclasses.replace(batch, images=other))
    length = batch.text.shape[1]
    torch.testing.assert_close(after.tokens[:, :length], before.tokens[:, :length])
    for changed in (after, elsewhere):
        assert not torch.allclose(changed.readout(), before.readout(), atol=1e-3)
    # The sequence ends with the state, whose position follows the text.
    assert before.kv_cache is not None
    assert before.kv_cache.layers[0][0].shape[2] == length + 1 == before.kv_cache.valid.shape[1]


def test_a_padded_row_is_the_row_alone(family, folder):
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    short = int(batch.text_valid[0].sum())
    alone = dataclasses.replace(
        batch,
        images={name: value[:1] for name, value in batch.images.items()},
        image_valid={name: value[:1] for name, value in batch.image_valid.items()},
        state=batch.state[:1],
        state_valid=batch.state_valid[:1],
        text=batch.text[:1, :short],
        text_valid=batch.text_valid[:1, :short],
        embodiment=batch.embodiment[:1],
    )
    with torch.inference_mode():
        torch.testing.assert_close(encoder(batch).readout()[:1], encoder(alone).readout(), atol=2e-5, rtol=2e-5)


def test_an_image_or_a_state_that_is_not_valid_is_not_seen(family, folder):
    """The first row lacks a camera, the second both and its state."""
    config, encoder = make_encoder(family, folder)
    unmasked_batch = make_batch(config, encoder)
    valid = dict(zip(CAMERAS, torch.tensor([[[True], [False]], [[False], [False]]]), strict=True))
    batch = dataclasses.replace(unmasked_batch, image_valid=valid, state_valid=torch.tensor([[True], [False]]))
    images = {
        name: torch.where(valid[name][..., None, None, None], one, 255 - one)
        for name, one in unmasked_batch.images.items()
    }
    state = torch.where(batch.state_valid[..., None], batch.state, float("nan"))
    changed = dataclasses.replace(batch, images=images, state=state)
    answers, answers_valid = map(torch.from_numpy, config.prompt_tokenizer(2).encode_answers(["red", "to the left"]))
    with torch.inference_mode():
        one, other = encoder(batch), encoder(changed)
        said, told = (encoder.answer_logits(each, answers, answers_valid) for each in (batch, changed))
        seen, unmasked = encoder(unmasked_batch), encoder(batch.unmasked())
    assert one.tokens[one.mask].isfinite().all()
    for mine, theirs in ((one.tokens[one.mask], other.tokens[other.mask]), (one.readout(), other.readout())):
        assert torch.equal(mine, theirs)
    for layer, same in zip(one.kv_cache.layers, other.kv_cache.layers, strict=True):
        for mine, theirs in zip(layer, same, strict=True):
            assert torch.equal(mine.transpose(1, 2)[one.kv_cache.valid], theirs.transpose(1, 2)[one.kv_cache.valid])
    assert torch.equal(said, told)
    assert torch.equal(seen.tokens, unmasked.tokens)
    assert not torch.allclose(one.readout(), seen.readout(), atol=1e-3)
    # Missing images take no position: later tokens move forward by as many (Qwen: by the sides of the grids).
    side = round(encoder.num_tokens**0.5) if family == "qwen2_5_vl" else encoder.num_tokens
    assert (seen.kv_cache.position - one.kv_cache.position).tolist() == [side, 2 * side]


def test_images_of_another_shape_are_padded_to_a_square(family, folder):
    config, encoder = make_encoder(family, folder)
    wide = torch.full((1, 3, 20, 40), 255, dtype=torch.uint8)
    pixels = encoder.family.pixels(wide, encoder.side)
    assert pixels.shape == (1, 3, encoder.side, encoder.side)
    above = encoder.side // 4
    black, white = pixels[0, :, 0, 0], pixels[0, :, encoder.side // 2, 0]
    assert (pixels[0, :, :above] == black[:, None, None]).all()
    torch.testing.assert_close(pixels[0, :, above:-above], white[:, None, None].expand(3, 2 * above, encoder.side))
    with torch.inference_mode():
        assert encoder(make_batch(config, encoder, size=(20, 40))).tokens.isfinite().all()


def test_a_prompt_without_placeholders_for_the_images_is_refused(family, folder):
    config, encoder = make_encoder(family, folder)
    batch = make_batch(config, encoder)
    without = dataclasses.replace(batch, text=torch.ones_like(batch.text) * 300)
    with pytest.raises(MismatchError, match=r"got 2 images of \d+ tokens, but the prompt has 0 placeholders"):
        encoder(without)


def test_low_rank_adapters_learn_and_are_merged(family, folder):
    config, encoder = make_encoder(family, folder, trained="adapters", lora_rank=4)
    assert isinstance(encoder, Pretrained)
    assert isinstance(encoder, HasBackbone)
    own = {name for name, _ in encoder.named_parameters() if name.startswith(("model.", "lm_head."))}
    assert len(list(encoder.backbone_parameters())) == len(own)
    batch, names = make_batch(config, encoder), set(encoder.state_dict())
    before = encoder(batch).tokens.detach()
    public = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    encoder.adapt()
    torch.testing.assert_close(encoder(batch).tokens, before)
    learning = {name for name, one in encoder.named_parameters() if one.requires_grad}
    assert {name for name in learning if "lora" not in name} == {"readout_token", "state_in.weight", "state_in.bias"}
    assert sum("lora_B" in name for name in learning) == 2 * 7  # of two layers, attention and MLP
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-2)
    for _ in range(3):
        encoder(batch).tokens.square().mean().backward()
        optimizer.step()
    adapted = encoder(batch).tokens.detach()
    assert not torch.allclose(adapted, before, atol=1e-2)
    encoder.merge()
    assert set(encoder.state_dict()) == names
    torch.testing.assert_close(encoder(batch).tokens, adapted, atol=2e-5, rtol=2e-5)
    changed = {name for name, value in encoder.model.state_dict().items() if not torch.equal(value, public[name])}
    assert len(changed) == 2 * 7
    assert all(name.endswith("_proj.weight") for name in changed)


@pytest.mark.parametrize(
    ("trained", "vision", "words"), [("all", True, True), ("language", False, True), ("nothing", False, False)]
)
def test_what_is_frozen(family, folder, trained, vision, words):
    _, encoder = make_encoder(family, folder, trained=trained)
    encoder.adapt()
    language = {id(one) for one in encoder.language_model._text_model.parameters()}
    for parameter in encoder.model.parameters():
        assert parameter.requires_grad == (words if id(parameter) in language else vision)
    assert encoder.readout_token.requires_grad
    assert encoder.lm_head is None or encoder.lm_head.weight.requires_grad == words


def test_the_first_layers_alone(family, folder):
    config, encoder = make_encoder(family, folder, depth=1)
    batch = make_batch(config, encoder)
    context = encoder(batch)
    assert context.kv_cache is not None
    assert len(context.kv_cache.layers) == 1
    _, unmasked_batch = make_encoder(family, folder)
    # The last token is the state, whose way in is not public.
    torch.testing.assert_close(
        context.kv_cache.layers[0][0][:, :, :-1], unmasked_batch(batch).kv_cache.layers[0][0][:, :, :-1]
    )
    with pytest.raises(MismatchError, match="at most 2 layers, got 3"):
        make_encoder(family, folder, depth=3)


def test_a_state_in_the_prompt_is_not_a_state_token(family, folder):
    config, encoder = make_encoder(family, folder, template="{images}Task: {instruction}, State: {state};\n")
    batch = make_batch(config, encoder)
    context = encoder(batch)
    assert context.tokens.shape[1] == batch.text.shape[1] + 1
    told = config.prompt_tokenizer(2).decode(batch.text[0, batch.text_valid[0]].tolist())
    assert told.endswith("Task: push the block, State: 128 128 128;\n")


def test_files_that_do_not_fit(family, folder, tmp_path):
    other = next(name for name in MODELS if name != family)
    with pytest.raises(MismatchError, match=f"expected a model of the family '{other}' .* got '{family}'"):
        PublicVLM(MODELS[other], str(folder)).fit(no_chunks)
    with pytest.raises(PraxiaError, match=r"hf download .* --local-dir DIR"):
        PublicVLM(MODELS[family]).fit(no_chunks)
    with pytest.raises(PraxiaError, match=r"got no config\.json"):
        PublicVLM(MODELS[family], str(tmp_path)).fit(no_chunks)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(PraxiaError, match=r"expected the tokenizer .*tokenizer\.json, got nothing"):
        PublicVLM(MODELS[family], str(tmp_path)).prompt_tokenizer(1)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 80
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(MismatchError, match=r"6 weights are missing or of another shape, .*mlp"):
        make_encoder_of(family, tmp_path)
    for path in tmp_path.glob("*.safetensors*"):
        path.unlink()
    with pytest.raises(PraxiaError, match="got no safetensors"):
        PublicVLM(MODELS[family], str(tmp_path)).fit(no_chunks)


def make_encoder_of(family, folder):
    shapes = Shapes(CAMERAS, num_images=2, num_states=1, embodiment_dims=((3, 2),), horizon=4, vocab_size=1)
    PublicVLM(MODELS[family], str(folder)).fit(no_chunks).build(shapes).load()


def test_a_file_that_lacks_weights(family, folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    piece = sorted(tmp_path.glob("*.safetensors"))[0]
    kept = dict(list(load_file(piece).items())[1:])
    save_file(kept, piece, metadata={"format": "pt"})
    with pytest.raises(MismatchError, match=r"[12] weights are missing"):
        make_encoder_of(family, tmp_path)


def test_an_unknown_public_model_is_refused():
    with pytest.raises(UnknownName, match="nearest: paligemma-3b-224"):
        PublicVLM("paligema-3b").fit(no_chunks)
