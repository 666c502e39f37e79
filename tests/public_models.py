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


def make_vision(kind: str):
    """A tiny public vision model of `transformers` with random weights, with a side that suits it as its image size.

    `kind` is the model's type, with "-classifier" for ResNet's, or of two towers: clip, siglip.
    """
    import transformers

    torch.manual_seed(0)
    vit = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    clip = {**vit, "intermediate_size": 48, "patch_size": 8, "image_size": 32}
    resnet = {"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 1, 1], "layer_type": "basic"}
    convnext = {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1]}
    text = {**vit, "intermediate_size": 48, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2}
    name, config = {
        "dinov2": ("Dinov2Model", {**vit, "mlp_ratio": 2, "patch_size": 14, "image_size": 70}),
        "dinov2_with_registers": ("Dinov2WithRegistersModel", {**vit, "mlp_ratio": 2, "patch_size": 14}),
        "dinov3_vit": ("DINOv3ViTModel", {**vit, "intermediate_size": 48, "patch_size": 8, "num_register_tokens": 4}),
        "dinov3_convnext": ("DINOv3ConvNextModel", convnext),
        "resnet": ("ResNetModel", resnet),
        "resnet-classifier": ("ResNetForImageClassification", resnet),
        "clip_vision_model": ("CLIPVisionModel", clip),
        "siglip_vision_model": ("SiglipVisionModel", clip),
        "clip": ("CLIPModel", {"vision_config": clip, "text_config": text}),
        "siglip": ("SiglipModel", {"vision_config": clip, "text_config": text}),
    }[kind]
    model_class = getattr(transformers, name)
    model = model_class(model_class.config_class(**config))
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator) * 0.1
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean += torch.randn(module.running_mean.shape, generator=generator) * 0.1
    return model.eval()


PROCESSOR = {"crop_size": {"height": 56, "width": 56}, "size": {"shortest_edge": 64}, "do_normalize": True}
PROCESSOR |= {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}


def save_vision(kind: str, folder: Path, **processor) -> Path:
    """The folder of `make_vision(kind)` with a preprocessor_config.json for images of 56 px."""
    make_vision(kind).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, **processor}))
    return folder


def small_vision() -> dict:
    """What a backbone encoder learns from the files of a tiny DINOv2: images of 28 px, of four patches."""
    config = {"model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes = {"mlp_ratio": 2, "patch_size": 14, "image_size": 28}
    return {"config": {**config, **sizes}, "image_size": 28, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
