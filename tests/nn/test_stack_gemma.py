"""The stack against an independent reference: Gemma in `transformers`, with the same weights."""

import torch
from transformers import GemmaConfig, GemmaModel

from praxia.nn.stack import AttentionConfig, Stack

NAMES = {
    "attention_norm.weight": "input_layernorm.weight",
    "query.weight": "self_attn.q_proj.weight",
    "key.weight": "self_attn.k_proj.weight",
    "value.weight": "self_attn.v_proj.weight",
    "out.weight": "self_attn.o_proj.weight",
    "mlp_norm.weight": "post_attention_layernorm.weight",
    "gate.weight": "mlp.gate_proj.weight",
    "up.weight": "mlp.up_proj.weight",
    "down.weight": "mlp.down_proj.weight",
}


def gemma(rope_base):
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": rope_base}
    config = GemmaConfig(
        hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, vocab_size=11, rope_parameters=rope, attn_implementation="eager",
    )  # fmt: skip
    model = GemmaModel(config).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def same_weights(model, rope_base):
    stack = Stack(24, 48, AttentionConfig(3, 4, 2, 8, rope_base)).double()
    theirs = model.state_dict()
    ours = {f"layers.{at}.{name}": theirs[f"layers.{at}.{other}"] for at in range(3) for name, other in NAMES.items()}
    stack.load_state_dict({**ours, "norm.weight": theirs["norm.weight"]})
    return stack


def test_it_equals_gemma_with_a_bidirectional_prefix():
    for rope_base in (10_000.0, 500.0):
        model = gemma(rope_base)
        x = torch.randn(2, 7, 24, dtype=torch.float64)
        blocks = torch.tensor([0, 0, 0, 0, 1, 2, 3])
        hidden = torch.where(blocks[None, :] <= blocks[:, None], 0.0, -torch.inf).double()
        with torch.inference_mode():
            expected = model(inputs_embeds=x, attention_mask=hidden.expand(2, 1, 7, 7)).last_hidden_state
            found, _ = same_weights(model, rope_base)(x, torch.ones(2, 7, dtype=torch.bool), blocks)
        assert expected.std() > 0.1
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
