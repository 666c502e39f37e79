"""The policies of `known.py` at the sizes, windows and optimiser settings of their papers and public code.

They are for an accelerator; on a laptop they can only be built. ACT and Diffusion Policy with the U-Net are the
networks of the `lerobot` package, parameter by parameter and output by output (`tests/peers/lerobot_policies.py`),
trained with its optimiser settings and normalisation.

What follows holds for the others. Training is AdamW with betas 0.9 and 0.95, a cosine decay to a tenth and clipping at
1, instead of each one's own optimiser and schedule. They read the instruction with a text encoder trained with the
policy. There is no dropout; images are augmented by shifts alone, not by crops and colours.

For all, steps are ours where theirs depend on the size of a data set, and weights start from scratch: no ImageNet, T5
or sentence encoder. The deviations of encoders and heads are documented at their classes.

Parameters are counted with Tabletop's gantry, two cameras and a vocabulary of 512 tokens.
"""

from dataclasses import replace

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.octo import Octo
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1
from praxia.encoders.text import NoText, PooledText
from praxia.heads.act import ACT
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.parallel import ParallelBins
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = [
    "act_published",
    "diffusion_policy_transformer_published",
    "diffusion_policy_unet_published",
    "octo_published",
    "rt1_published",
]

RESNET18 = (64, 128, 256, 512)


def rt1_published() -> TrainRun:
    """RT-1 at its published size: 6 timesteps, 8 tokens of 512 per image, 8 layers of 8 heads, 256 bins.

    Brohan et al. 2022 (arXiv 2212.06817) and the public `robotics_transformer`. 38.6M parameters; theirs about 35M, of
    which 16M are EfficientNet-B3 and 19M the transformer. Deviations: four convolutions are no EfficientNet-B3; two
    cameras where theirs has one; the transformer's MLPs are gated and 4 times as wide where theirs are one layer of
    512, and its heads are 64 wide where theirs are 128; only the newest timestep's action is trained where theirs
    trains that of every timestep. Learning rate as in the public configuration; it names no batch size.
    """
    return TrainRun(
        model=EncoderHead(
            encoder=RT1(text=PooledText(width=512), channels=RESNET18),
            head=ParallelBins(decoder=PrefixTransformer(width=512, depth=8, num_heads=8)),
        ),
        window=_window(observation_steps=6, horizon=1),
        train=Train(steps=400_000, batch_size=64, learning_rate=1e-4, ema_decay=0.0),
        image_size=300,
    )


def octo_published() -> TrainRun:
    """Octo-Small: width 384, 12 layers, 2 timesteps, chunks of 4 by 20 steps of diffusion on the readout.

    Octo 2024 (arXiv 2405.12213) and the public `octo_pretrain_config.py`. 23.8M parameters; theirs 27M without T5.
    Deviations: the head's MLP is modulated by time and readout where theirs reads them beside the actions, and 256 wide
    inside its blocks where theirs is 1024; DDIM where theirs is DDPM; one image size; the learning rate decays by a
    cosine where theirs falls with the root of the step.
    """
    return TrainRun(
        model=EncoderHead(
            encoder=Octo(text=PooledText(width=384), width=384, depth=12, num_heads=6, patch_px=16),
            head=Diffusion(ResidualMLP(width=256, depth=3), repeats=1, train_steps=20, num_steps=20, clip=5.0),
        ),
        window=_window(observation_steps=2, horizon=4),
        train=Train(
            steps=300_000,
            batch_size=512,
            learning_rate=3e-4,
            weight_decay=0.1,
            warmup_steps=2000,
            ema_decay=0.0,
            shift_px=10,
        ),
        image_size=256,
    )


def act_published() -> TrainRun:
    """ACT at its published size: ResNet-18, width 512, MLP 3200, chunks of 100, KL weight 10.

    Zhao et al. 2023 (arXiv 2304.13705) and the public `act`, as the `lerobot` package has it. 51.6M parameters, as many
    as there; Zhao et al. have about 80M, of which six decoder layers of 5.4M each come after the one that is used.
    Frozen BatchNorm, no instruction, states and actions by mean and standard deviation. Deviations: ImageNet's weights
    only with --model.encoder.weights FILE; no temporal ensembling; gradients are clipped at 10 as in the package, which
    theirs does not do. Steps are those of 2,000 epochs of the 40 episodes that theirs trains on.
    """
    head = ACT(
        width=512,
        mlp_width=3200,
        num_heads=8,
        encoder_depth=4,
        latent=32,
        kl_weight=10.0,
        detr=True,
        dropout=0.1,
    )
    return TrainRun(
        model=EncoderHead(
            encoder=ResNetGrid(
                text=NoText(width=0), channels=RESNET18, trunk="frozen-batch-norm", detr_width=head.width
            ),
            head=head,
        ),
        window=_window(observation_steps=1, horizon=100),
        train=Train(
            steps=10_000,
            batch_size=8,
            learning_rate=1e-5,
            warmup_steps=0,
            clip_norm=10.0,
            ema_decay=0.0,
            shift_px=0,
            betas=(0.9, 0.999),
            final_rate=1.0,
        ),
        normalisation="mean-std",
    )


def diffusion_policy_unet_published() -> TrainRun:
    """Diffusion Policy's U-Net at its published size: ResNet-18, 2 timesteps, 16 actions, channels 512 to 2048.

    Chi et al. 2023 (arXiv 2303.04137), `train_diffusion_unet_hybrid_workspace.yaml`. 277.7M parameters, of which the
    head has 255.3M: as many as the `lerobot` package's with an encoder per camera, as here. GroupNorm, 32 keypoints, a
    random crop of seven eighths, no instruction, states and actions by minimum and maximum. Deviations: all 16 actions
    lie ahead where their first belongs to the older timestep; 16 DDIM steps where that configuration takes 100 of DDPM;
    AdamW where the package has Adam; the average of weights (the package has none) warms up by another law.
    """
    encoder = ResNet(
        text=NoText(width=0),
        channels=RESNET18,
        trunk="group-norm",
        keypoints=32,
        separate_cameras=True,
        crop=0.875,
    )
    denoiser = UNet(channels=(512, 1024, 2048), kernel=5, groups=8, published=True, time_width=128)
    train = _diffusion_policy(weight_decay=1e-6, warmup_steps=500)
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=Diffusion(denoiser, repeats=1, clip=1.0)),
        window=_window(observation_steps=2, horizon=16),
        train=replace(train, shift_px=6, clip_norm=10.0, betas=(0.95, 0.999), final_rate=0.0),
        image_size=96,
        normalisation="min-max",
    )


def diffusion_policy_transformer_published() -> TrainRun:
    """Diffusion Policy's transformer at its published size for images: 8 layers of 256, 2 timesteps, 10 actions.

    Chi et al. 2023 (arXiv 2303.04137), `train_diffusion_transformer_hybrid_workspace.yaml`. 21.5M parameters, of which
    the head has 9.0M; their transformer has 9.0M. Deviations: all actions lie ahead where their first belongs to the
    older timestep; the cameras share one ResNet with 512 keypoints where theirs has 32 per camera, and a stem of two
    convolutions; 16 DDIM steps where theirs takes 100 of DDPM; normalised by quantiles; both timesteps are one token
    where theirs are two; no dropout in attention, theirs is 0.3; one weight decay, the transformer's, for the ResNet
    too.
    """
    return TrainRun(
        model=EncoderHead(
            encoder=ResNet(channels=RESNET18, width=256),
            head=Diffusion(Transformer(width=256, depth=8, num_heads=4), repeats=1),
        ),
        window=_window(observation_steps=2, horizon=10),
        train=_diffusion_policy(weight_decay=1e-3, warmup_steps=1000),
        image_size=96,
    )


def _diffusion_policy(weight_decay: float, warmup_steps: int) -> Train:
    """Shifts of 5 px of 96 stand for their random crop of nine tenths."""
    return Train(
        steps=300_000,
        batch_size=64,
        learning_rate=1e-4,
        weight_decay=weight_decay,
        warmup_steps=warmup_steps,
        ema_decay=0.9999,
        shift_px=5,
    )


def _window(observation_steps: int, horizon: int) -> Window:
    """The newest `observation_steps` steps of every camera and the state."""
    past = tuple(range(1 - observation_steps, 1))
    return Window({EVERY_CAMERA: past, "state": past}, horizon)
