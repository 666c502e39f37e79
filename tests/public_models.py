"""Tiny models of public families with random weights, in folders as the Hub lays them out."""

import json
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

# The parts of the prompt of each family, besides text.
MARKS = {
    "paligemma": ["<pad>", "<eos>", "<bos>", "<image>"],
    "smolvlm": ["<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<image>"],
    "qwen2_5_vl": ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"],
}
MODELS = {"paligemma": "paligemma-3b-224", "smolvlm": "smolvlm2-500m", "qwen2_5_vl": "qwen2.5-vl-3b"}
VOCABULARY = 400


@cache
def make_tokeniser(family: str) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=MARKS[family],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["push the block to the left", "what colour is the block? red"], trainer)
    return tokenizer.to_str()


def small_config(family: str, **text_sizes: int) -> dict:
    """Two layers of a language model, one or two of vision: images of 28 px and four tokens (Qwen: 32 px and 64)."""
    token = Tokenizer.from_str(make_tokeniser(family)).token_to_id("<|image_pad|>" if "qwen" in family else "<image>")
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 1 if family == "paligemma" else 2,
        "head_dim": 8,
        **text_sizes,
    }
    if family == "qwen2_5_vl":
        rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
        vision = {
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 32,
            "patch_size": 2,
            "window_size": 8,
            "fullatt_block_indexes": [1],
        }
        text |= {"rope_parameters": rope, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 1}
        return {"text_config": text, "vision_config": vision, "image_token_id": token, "tie_word_embeddings": True}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    if family == "smolvlm":
        text |= {
            "model_type": "llama",
            "pad_token_id": 0,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e5},
        }
        vision |= {"patch_size": 7, "image_size": 28}
        more = {"scale_factor": 2, "image_token_id": token, "tie_word_embeddings": False}
        return {"text_config": text, "vision_config": vision, **more}
    vision |= {"patch_size": 14, "image_size": 28, "projection_dim": 32, "model_type": "siglip_vision_model"}
    text |= {"model_type": "gemma"}
    more = {"projection_dim": 32, "hidden_size": 32, "image_token_index": token}
    return {"text_config": text, "vision_config": vision | {"vision_use_head": False}, **more}


def make_model(family: str):
    """The complete model of `transformers`, with random weights large enough for every part to matter."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(family, **small_config(family)))
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name and "gemma" not in family), std=0.1)
    return model.eval()


def save_model(family: str, folder: Path) -> Path:
    """Its folder: config.json, tokenizer.json and safetensors in two pieces with an index."""
    model = make_model(family)
    model.save_pretrained(folder, max_shard_size="60KB")
    (folder / "tokenizer.json").write_text(make_tokeniser(family))
    assert json.loads((folder / "config.json").read_text())["model_type"] == family
    return folder
