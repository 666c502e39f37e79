"""`praxia imagine WORLD DATA --out DIR`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import command_line, parse
from praxia.core.errors import PraxiaError, expect_positive
from praxia.core.files import staged_folder
from praxia.studio.console import STDERR, say

__all__ = ["run"]


@dataclass(frozen=True)
class ImagineArguments:
    """Imagine what recorded actions lead to in a trained world, beside what was recorded: errors over time, and
    videos with the real future on the left and the imagined one on the right."""

    world: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WORLD")]
    """The folder of a world or its run. One that was trained with `praxia train world-decoder` shows what it believes;
    of another its videos show the frames of other episodes whose latents are nearest."""
    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A data set, or a mixture file of one."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A new folder: imagined.json and the videos."""
    episodes: Annotated[str | None, tyro.conf.arg(metavar="LIST|SPLIT")] = None
    """Which episodes, such as 0-9,12, or a split of the data set. Default: those that the world's training held out of
    this data set, else all. The first four become videos."""
    blocks: Annotated[int, tyro.conf.arg(metavar="N")] = 10
    """How many strides of the world to imagine from each frame."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where the world runs. Default: a GPU if there is one."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Write the folder, and return what its imagined.json holds."""
    options = parse(
        ImagineArguments, arguments, "praxia imagine", example="praxia imagine runs/world data/test --out runs/imagined"
    )
    expect_positive(blocks=options.blocks)
    if options.out.exists():
        raise PraxiaError(f"{options.out} exists; choose another --out")
    from praxia.evaluation.imagination import imagine_episodes
    from praxia.studio.imagined import IMAGINED, encode_video, imagined_table

    with STDERR.status("imagining"):
        found = imagine_episodes(
            options.world,
            options.data,
            episodes=options.episodes,
            num_blocks=options.blocks,
            device=options.device,
            notice=say,
        )
    result = {"command": command_line("imagine", arguments), **found.result, "videos": []}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with staged_folder(options.out) as stage:
        for video in found.videos:
            name = f"episode-{video.episode:06d}-{video.camera}.mp4"
            (stage / name).write_bytes(encode_video(video.real, video.imagined, found.rate_hz))
            result["videos"].append({"episode": video.episode, "camera": video.camera, "file": name})
        (stage / IMAGINED).write_text(json.dumps(result, indent=1) + "\n")
    if result["shows"] is None:
        say("no video: the world does not decode, and there is no other episode to take frames from")
    STDERR.print(imagined_table(result))
    return result
