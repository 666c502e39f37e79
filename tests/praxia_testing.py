"""Small values that tests of several packages need: shapes and batches with known content."""

import dataclasses

import av
import numpy as np
import torch

from praxia.checkpoint.migration import FIELDS, TAGS
from praxia.checkpoint.store import PolicyConfig
from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.keys import generator
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.nn.cuda_graph import Captured
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead, EncoderHeadPolicy
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer


def make_shapes(horizon: int = 4, embodiments: tuple[tuple[int, int], ...] = ((3, 2),)) -> Shapes:
    return Shapes(
        cameras=("front",), num_images=2, num_states=2, embodiment_dims=embodiments, horizon=horizon, vocab_size=50
    )


def make_batch(num: int = 5, horizon: int = 4, text_seed: int = 0, image_seed: int = 0) -> Batch:
    """Random images of 16 px, states, texts of 6 ids of which 4 count, and actions that are all valid."""
    state = torch.randn(num, 2, 3, generator=torch.Generator().manual_seed(5))
    action = torch.randn(num, horizon, 2, generator=torch.Generator().manual_seed(6))
    pixels = torch.Generator().manual_seed(image_seed)
    ids = torch.Generator().manual_seed(text_seed)
    return Batch(
        images={"front": torch.randint(0, 256, (num, 2, 3, 16, 16), generator=pixels, dtype=torch.uint8)},
        image_valid={"front": torch.ones(num, 2, dtype=torch.bool)},
        state=state,
        state_valid=torch.ones(num, 2, dtype=torch.bool),
        text=torch.randint(2, 50, (num, 6), generator=ids),
        text_valid=(torch.arange(6) < 4).expand(num, 6),
        embodiment=torch.zeros(num, dtype=torch.int64),
        action=action,
        action_valid=torch.ones(num, horizon, dtype=torch.bool),
    )


EMBODIMENT = Embodiment(
    name="toy",
    state=(Field("position", 3, "position", "m"),),
    action=(Field("move", 2, "delta", "m"),),
    cameras=(Camera("front", 16, 16),),
    control_hz=10.0,
)
SMALL_EMBODIMENT = dataclasses.replace(
    EMBODIMENT, name="small", state=(Field("position", 1, "position", "m"),), action=(Field("move", 1, "delta", "m"),)
)
TEXTS = ("push the block to the left", "lift the cup")


def make_config() -> PolicyConfig:
    """A tiny policy with two observation steps of image and state; its actions span [0, 10]."""
    transforms = Transforms(
        embodiments=(
            EmbodimentTransforms(state=Normaliser((-1.0,) * 3, (1.0,) * 3), action=Normaliser((0.0,) * 2, (10.0,) * 2)),
        ),
        tokenizer=TextTokenizer.fit(TEXTS),
    )
    shapes = dataclasses.replace(make_shapes(), vocab_size=transforms.tokenizer.vocab_size)
    encoder = FilmCNN(text=PooledText(width=16, num_heads=2), channels=(8, 8, 8, 8), width=32)
    window = Window({"image.front": (-1, 0), "state": (-1, 0)}, horizon=4)
    model = EncoderHead(encoder=encoder, head=Flow(ResidualMLP(width=32, depth=1)))
    return PolicyConfig(model, shapes, transforms, (EMBODIMENT,), window, {"seed": 0})


def make_config_of_two() -> PolicyConfig:
    """`make_config` trained on a second, smaller embodiment too, whose actions span [100, 200]."""
    config = make_config()
    small = EmbodimentTransforms(state=Normaliser((-1.0,), (1.0,)), action=Normaliser((100.0,), (200.0,)))
    return dataclasses.replace(
        config,
        shapes=dataclasses.replace(config.shapes, embodiment_dims=((3, 2), (1, 1))),
        transforms=dataclasses.replace(config.transforms, embodiments=(*config.transforms.embodiments, small)),
        embodiments=(EMBODIMENT, SMALL_EMBODIMENT),
    )


def make_policy(config: PolicyConfig | None = None) -> EncoderHeadPolicy:
    """The policy of `config`, or of `make_config`, with weights of a fixed seed."""
    torch.manual_seed(0)
    config = config or make_config()
    return config.build(config.model.build(config.shapes).state_dict())


def make_query(key: str, step: int, history: int = 2, state_dim: int = 3) -> Query:
    """A query whose images and state are drawn from (key, step)."""

    def observation(at: int) -> Observation:
        rng = generator(key, step, at)
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        return Observation({"front": image}, rng.standard_normal(state_dim).astype(np.float32), TEXTS[0], at / 10)

    return Query(tuple(observation(at) for at in range(history)), key, step, row=0)


class CaptureStub:
    """In place of a CUDA graph: computes again, from its own inputs into its own output. Counts captures."""

    def __init__(self):
        self.num = 0

    def __call__(self, function, inputs):
        self.num += 1
        buffers = tuple(one.clone() for one in inputs)
        output = function(*buffers)

        def replay():
            output.copy_(function(*buffers))

        return Captured(buffers, output, replay)


def save_image(path, colour, size=(20, 40)):
    """A PNG of one colour."""
    with av.open(path, "w", format="image2") as container:
        stream = container.add_stream("png", width=size[1], height=size[0], pix_fmt="rgb24")
        image = np.broadcast_to(np.array(colour, np.uint8), (*size, 3))
        for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")):
            container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


class Stop(Exception):
    """Stops a training run from its report."""


def stop_after(step):
    """A report of `train` that stops the run once so many steps are done."""

    def report(done, metrics):
        if done >= step:
            raise Stop

    return report


def as_before(value):
    """The description of a run as `run.json` held it before schema 2."""
    rest = {name: item for name, item in value.items() if name not in ("schema", "vqa")}
    return {**rest, "config": config_as_before(value["config"]), "questions": value["vqa"]}


def config_as_before(value):
    tags = {new: old for old, new in TAGS.items()}
    fields = {new: old for old, new in FIELDS.get(value["type"], {}).items()}
    found = {fields.get(name, name): item for name, item in value.items() if name != "type"}
    for name, item in found.items():
        if name == "window":
            found[name] = {"moments": item["observation_steps"], "cameras": item["cameras"], "horizon": item["horizon"]}
        elif isinstance(item, dict) and "type" in item:
            found[name] = config_as_before(item)
    return {"part": tags.get(value["type"], value["type"]), **found}
