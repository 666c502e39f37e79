"""A small model of inverse dynamics for the toy robot of `video_testing`."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.training.config import Train, TrainRun
from praxia.worlds.inverse_dynamics import InverseDynamics

RUN = TrainRun(
    model=InverseDynamics(FilmCNN(text=NoText(), channels=(8, 8, 16, 16), width=32), num_later=1, width=32, depth=1),
    window=Window({"image.front": (-1, 0)}, 1, {"image.front": (1,)}, executed=True),
    train=Train(steps=160, batch_size=32, learning_rate=3e-3, warmup_steps=20, ema_decay=0.9, shift_px=0),
    only_success=False,
)
