"""Recipes for models of the world."""

from dataclasses import replace

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.backbone import BackboneGrid
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.flow import Flow
from praxia.heads.parallel import ParallelBins
from praxia.joint.uwm import UWM
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.foresight import Foresight
from praxia.training.config import Train, TrainRun
from praxia.worlds.decoder import Decoded
from praxia.worlds.dino_wm import DinoWM
from praxia.worlds.lapa import LAPA
from praxia.worlds.lewm import LeWM

__all__ = [
    "bins_tworoom",
    "dino_wm",
    "flow_foresight_tworoom",
    "flow_tworoom",
    "lapa_tworoom",
    "lewm_pusht",
    "lewm_tworoom",
    "uwm_tworoom",
    "world_decoder",
]

STRIDE = 5

# The budget of a joint model and of the policy that it is compared with.
UWM_TRAIN = Train(steps=2500, batch_size=32, shift_px=0)


def lewm_tworoom() -> TrainRun:
    """Images -> latents -> the latent 5 steps on, by LeWM: three frames and the actions between them."""
    return TrainRun(
        model=LeWM(
            encoder=FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128),
            stride=STRIDE,
            width=64,
            depth=3,
        ),
        window=_window("image.top"),
        train=Train(steps=3000, batch_size=64, shift_px=0),
        only_success=False,
    )


def lewm_pusht() -> TrainRun:
    """Images of PushT -> latents -> the latent 5 steps on, by LeWM: three frames and the actions between them."""
    return replace(lewm_tworoom(), train=Train(steps=4000, batch_size=64, shift_px=0))


def bins_tworoom() -> TrainRun:
    """Images of the room and of the goal -> chunks of 10 actions as bins, by behaviour cloning."""
    return TrainRun(
        model=EncoderHead(
            FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128),
            ParallelBins(decoder=PrefixTransformer(width=64, depth=2)),
        ),
        window=Window({"image.top": (0,), "image.goal": (0,)}, horizon=10),
        train=Train(steps=800, batch_size=64, shift_px=0),
    )


def lapa_tworoom() -> TrainRun:
    """Two images 5 steps apart -> 4 codes of what changed, by LAPA: no actions, no states, no instructions."""
    return TrainRun(
        model=LAPA(),
        window=Window({"image.top": (0,)}, horizon=0, targets={"image.top": (STRIDE,)}),
        train=Train(steps=800, batch_size=64, shift_px=0),
        only_success=False,
    )


def flow_tworoom() -> TrainRun:
    """Images of the room and of the goal -> chunks of 8 actions by flow: what `uwm-tworoom` is compared with.

    It imitates the executed actions, as that does, with the noise that `praxia collect` injects.
    """
    return TrainRun(
        model=EncoderHead(encoder=FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128), head=Flow()),
        window=Window({"image.top": (0,), "image.goal": (0,)}, horizon=8, executed=True),
        train=UWM_TRAIN,
    )


def flow_foresight_tworoom() -> TrainRun:
    """As `flow-tworoom`, whose encoder also predicts what it will make of the images 8 steps on (FLARE)."""
    run = flow_tworoom()
    assert isinstance(run.model, EncoderHead), "the model of flow-tworoom"
    targets = {"image.top": (8,), "image.goal": (8,)}
    return replace(run, model=Foresight(run.model), window=replace(run.window, targets=targets))


def uwm_tworoom() -> TrainRun:
    """Images of the room and of the goal -> chunks of 8 actions and the frames that follow them, by UWM."""
    latents = LeWM(FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128), stride=2, width=64, depth=2)
    return TrainRun(
        model=UWM(latents, camera="top"),
        window=Window(
            {"image.top": (0,), "image.goal": (0,)}, horizon=8, targets={"image.top": (2, 4, 6, 8)}, executed=True
        ),
        train=UWM_TRAIN,
    )


def dino_wm() -> TrainRun:
    """Images of any camera -> patches of a frozen DINOv2-S, and what follows them 5 steps on, by DINO-WM.

    196 patches of an image, three frames and six layers of 16 heads, as published; one embodiment, absolute actions.
    """
    return TrainRun(
        model=DinoWM(
            encoder=BackboneGrid("hf://facebook/dinov2-small", image_size=196, text=NoText(width=0)),
            stride=STRIDE,
            depth=6,
            num_heads=16,
            head_width=64,
        ),
        window=_window(EVERY_CAMERA),
        train=Train(steps=20_000, batch_size=32, learning_rate=5e-4, shift_px=0),
        only_success=False,
    )


def world_decoder() -> TrainRun:
    """The latents of a trained world, named by `--start-from`, -> images of what it believes."""
    return TrainRun(
        model=Decoded(),
        window=Window({EVERY_CAMERA: (0,)}, horizon=0),  # the world's takes its place
        train=Train(steps=2000, batch_size=32, shift_px=0),
        only_success=False,
    )


def _window(images: str) -> Window:
    """Three frames a stride apart, the next one as the target, and all actions between them."""
    return Window(
        {images: (-2 * STRIDE, -STRIDE, 0), "action": tuple(range(-2 * STRIDE, 0))},
        horizon=STRIDE,
        targets={images: (STRIDE,)},
        executed=True,
    )
