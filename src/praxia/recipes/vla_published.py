"""The models of `vla.py` with public vision-language models, at the sizes and settings of their papers and public code.

They are for an accelerator, and need the public model's files: `--model.encoder.weights DIR`. What follows holds for
all of them. They begin with the public vision-language model, not with the authors' robot weights. Training is AdamW
with betas 0.9 and 0.95, warm-up, a cosine decay to a tenth and clipping at 1. Two cameras, as Tabletop has; images
are augmented by shifts alone, of 3 px. Normalised by the 1% and 99% quantiles. The deviations of encoders and heads are
documented at their classes.

Parameters are counted with Tabletop's gantry.
"""

from dataclasses import replace

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.public.model import PublicVLM
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import VLMTokens
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT
from praxia.nn.types import HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = [
    "gr00t_n1_published",
    "openvla_oft_published",
    "openvla_published",
    "pi0_fast_published",
    "pi0_published",
    "pi05_published",
]

PROMPT = "{images}<bos>In: What action should the robot take to {instruction}?\nOut:"
PROMPT_WITH_STATE = "{images}<bos>Task: {instruction}, State: {state};\nAction: "
# A state of all weights, their average and the optimiser's is some ten gigabytes.
SAVE_S = 3600.0
# What openpi calls gemma_300m, beside Gemma-2B.
EXPERT = ActionExpert(width=1024, mlp_width=4096, depth=18, num_heads=8, num_kv_heads=1, head_width=256)


def openvla_published() -> TrainRun:
    """RT-2 and OpenVLA: PaliGemma-3B generates an action as 256 bins per dim in tokens of its own; adapters of rank 32.

    OpenVLA (arXiv 2406.09246), its settings of fine-tuning with LoRA. With `--vqa FILE` it is trained as RT-2 is
    (arXiv 2307.15818), on questions about images beside robot data. 2923.5M parameters; OpenVLA has about 7B.
    Deviations: PaliGemma-3B in place of Llama-2-7B behind DINOv2 and SigLIP (RT-2: PaLI-X and PaLM-E, which are not
    public); the vision encoder has no adapters; the state is seen; the last 128 tokens are left out, as pi0-FAST does.
    """
    head = Autoregressive("bins", VLMTokens(skip=128), temperature=0.0)
    train = Train(steps=50_000, batch_size=16, learning_rate=5e-4, warmup_steps=0, ema_decay=0.0, checkpoint_s=SAVE_S)
    return _run(PublicVLM(template=PROMPT, trained="adapters", lora_rank=32), head, 1, train)


def openvla_oft_published() -> TrainRun:
    """OpenVLA-OFT: PaliGemma-3B decodes all steps of a chunk of 8 at once, L1; adapters of rank 32.

    Kim et al. 2025 (arXiv 2502.19645), its settings for LIBERO. 2931.9M parameters, of which the head has 8.4M; theirs
    about 7B. Deviations: those of `openvla-published`; the learning rate falls by a cosine where theirs falls once.
    """
    train = Train(steps=150_000, batch_size=64, learning_rate=5e-4, warmup_steps=0, ema_decay=0.0, checkpoint_s=SAVE_S)
    return _run(PublicVLM(template=PROMPT, trained="adapters", lora_rank=32), OFT(VLMTokens()), 8, train)


def pi0_published() -> TrainRun:
    """pi0: PaliGemma-3B and an action expert of 300M beside it, chunks of 50 by ten Euler steps of flow matching.

    pi0 (arXiv 2410.24164), openpi's settings of fine-tuning. 3238.1M parameters, of which the head has 314.6M;
    theirs about 3.3B. Deviations: two cameras where theirs has three; actions are not made relative to the state.
    """
    return _run(PublicVLM(), Flow(EXPERT, repeats=1), 50, _openpi())


def pi05_published() -> TrainRun:
    """pi0.5: as pi0, with the state as text, and the flow time modulates every norm of the action expert.

    openpi's `pi05`. 3353.5M parameters, of which the head has 430.0M. Deviations: those of `pi0-published`; no
    sub-tasks are generated first; instructions keep their case.
    """
    expert = replace(EXPERT, ada_norm=True)
    return _run(PublicVLM(template=PROMPT_WITH_STATE), Flow(expert, repeats=1), 50, _openpi())


def pi0_fast_published() -> TrainRun:
    """pi0-FAST: PaliGemma-3B generates chunks of 32 actions as FAST tokens, in its tokens for positions in images.

    FAST (arXiv 2501.09747), openpi's `pi0_fast`. 2923.7M parameters; theirs about 3B. Deviations: the action tokenizer
    is fitted on the data, `--model.head.tokenizer FILE` takes the public one; "Action: " is attended to in both
    directions, as the rest of the prompt is; instructions keep their case; no token ends a chunk.
    """
    head = Autoregressive("fast", VLMTokens(skip=128), temperature=0.0)
    return _run(PublicVLM(template=PROMPT_WITH_STATE), head, 32, _openpi())


def gr00t_n1_published() -> TrainRun:
    """GR00T N1: twelve layers of SmolVLM2-2.2B, frozen, and a diffusion transformer that attends to their tokens.

    GR00T N1 (arXiv 2503.14734), `gr00t_finetune.py`. 2150.4M parameters, of which the head has 709.0M; theirs 2.2B. The
    encoder has 1.34B, as theirs, beside the 0.1B of its LM head. Deviations: SmolVLM2-2.2B is made of the
    same SmolLM2-1.7B but of SigLIP in place of SigLIP-2, at 384 px where theirs sees 224; the vision encoder is
    frozen too, theirs is trained; the average of weights is this project's.
    """
    head = Flow(DiT(width=1536, depth=16, num_heads=32), repeats=1, num_steps=4)
    train = Train(
        steps=10_000, batch_size=32, learning_rate=1e-4, weight_decay=1e-5, warmup_steps=500, checkpoint_s=SAVE_S
    )
    return _run(PublicVLM("smolvlm2-2.2b", trained="nothing", depth=12), head, 16, train)


def _openpi() -> Train:
    return Train(
        steps=30_000,
        batch_size=32,
        learning_rate=2.5e-5,
        weight_decay=1e-10,
        warmup_steps=1000,
        ema_decay=0.99,
        checkpoint_s=SAVE_S,
    )


def _run(encoder: PublicVLM, head: HeadConfig, horizon: int, train: Train) -> TrainRun:
    window = Window({EVERY_CAMERA: (0,), "state": (0,)}, horizon)
    return TrainRun(model=EncoderHead(encoder=encoder, head=head), window=window, train=train)
