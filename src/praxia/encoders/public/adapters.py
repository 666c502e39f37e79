"""Low-rank adapters on a language model's linear layers, through the `peft` library."""

from torch import nn

__all__ = ["add_adapters", "merge_adapters"]

# The names that Gemma, Llama and Qwen share.
LINEAR_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def add_adapters(text_model: nn.Module, rank: int, alpha: float) -> None:
    """LoRA (Hu et al. 2021, arXiv 2106.09685) on attention and MLPs, in place: W becomes W + alpha / rank B A.

    Every weight of `text_model` but the adapters is frozen. B begins at zero, and so what it computes does not change.
    """
    from peft import LoraConfig, inject_adapter_in_model

    text_model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=LINEAR_LAYERS), text_model)  # pyright: ignore


def merge_adapters(text_model: nn.Module) -> None:
    """The inverse of `add_adapters`: their product is added to the weights, and the names are those of before."""
    from peft.tuners.lora import LoraLayer

    adapted = [(name, module) for name, module in text_model.named_modules() if isinstance(module, LoraLayer)]
    for name, module in adapted:
        module.merge()  # pyright: ignore[reportCallIssue]
        parent, _, child = name.rpartition(".")
        setattr(text_model.get_submodule(parent), child, module.get_base_layer())
