"""Random scenes: what is on the table, where, and its appearance. All are at rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from praxia.envs.tabletop import palette
from praxia.envs.tabletop.fixtures import DRAWER_TRAVEL_M, FOOTPRINT_M, HANDLE_M
from praxia.envs.tabletop.scene import SHAPES, Fixture, FrontCamera, Light, Scene, Thing

__all__ = ["AREA_X_M", "AREA_Y_M", "GAP_M", "draw_scene"]

# The part of the table for things, with room for a gripper's fingers between them; fixtures stand behind it.
AREA_X_M, AREA_Y_M = (-0.23, 0.23), (-0.19, 0.015)
GAP_M = 0.045
SLOTS_X_M, SLOTS_Y_M = (-0.21, -0.07, 0.07, 0.21), 0.125

RADII_M = {"small": 0.02, "large": 0.027}
FLATNESS = {"cube": 1.0, "ball": 1.0, "cylinder": 1.15, "puck": 0.55, "post": 1.2, "slab": 0.5}

Shade = Callable[[str, np.random.Generator], palette.Rgb]


def draw_scene(rng: np.random.Generator, *, held_out: str = "", fixture: str = "") -> Scene:
    """A scene as in training, except for the one factor that `held_out` names.

    `held_out`: "" (none), "colours" (shades), "textures", "lights", "cameras", "heights" or "distractors". The scene
    has a fixture of the kind `fixture` (if given), and always a bin and a button. With distractors there are at most
    four things, to leave room.
    """
    height = rng.uniform(0.0, 0.01) if held_out != "heights" else rng.uniform(0.025, 0.04)
    shade = palette.held_out_shade if held_out == "colours" else palette.shade
    fixtures = _draw_fixtures(rng, shade, fixture)
    num_things, num_distractors = int(rng.integers(3, 7)), 0
    if held_out == "distractors":
        num_things, num_distractors = int(rng.integers(3, 5)), int(rng.integers(2, 4))
    items = _draw_appearances(rng, shade, num_things, num_distractors)
    loose = _arrange(rng, items, fixtures)
    tables = palette.HELD_OUT_TABLES if held_out == "textures" else palette.TABLES
    return Scene(
        things=tuple(thing for thing in loose if thing.name.startswith("thing")),
        fixtures=fixtures,
        distractors=tuple(thing for thing in loose if thing.name.startswith("distractor")),
        table_height_m=round(float(height), 4),
        table=tables[rng.integers(len(tables))],
        light=_draw_light(rng, held_out == "lights"),
        camera=_draw_camera(rng, held_out == "cameras"),
    )


def _draw_fixtures(rng: np.random.Generator, shade: Shade, wanted: str) -> tuple[Fixture, ...]:
    """A bin, a button and two others in four slots, all of different colours."""
    kinds = ["bin", "button", *rng.choice(["bin", "button", "plate", "switch", "drawer"], 2, replace=False)]
    if wanted and wanted not in kinds:
        kinds[2] = wanted
    colours = rng.permutation(list(palette.COLOURS))
    slots = rng.permutation(SLOTS_X_M)
    return tuple(
        Fixture(
            name=f"fixture{at}",
            kind=str(kind),  # pyright: ignore[reportArgumentType]
            colour=str(colours[at]),
            rgb=shade(str(colours[at]), rng),
            x_m=_rounded(slots[at] + rng.uniform(-0.004, 0.004)),
            y_m=_rounded(SLOTS_Y_M + rng.uniform(-0.01, 0.01)),
            turned=bool(rng.random() < 0.5),
        )
        for at, kind in enumerate(kinds)
    )


def _draw_appearances(rng: np.random.Generator, shade: Shade, num_things: int, num_distractors: int) -> list[Thing]:
    """Things that differ in what they are called, not yet placed."""
    called: set[tuple[str, str, str]] = set()
    items = []
    while len(items) < num_things:
        shape = SHAPES[rng.integers(len(SHAPES))]
        colour = list(palette.COLOURS)[rng.integers(len(palette.COLOURS))]
        size = "small" if rng.random() < 0.5 else "large"
        if (shape, colour, size) not in called:
            called.add((shape, colour, size))
            items.append(_thing(f"thing{len(items)}", shape, colour, size, shade(colour, rng), rng))
    for at in range(num_distractors):
        shape = ("post", "slab")[rng.integers(2)]
        items.append(_thing(f"distractor{at}", shape, "", "large", palette.distracting_shade(rng), rng))
    return items


def _thing(name: str, shape: str, colour: str, size: str, rgb: palette.Rgb, rng: np.random.Generator) -> Thing:
    radius = RADII_M[size]
    yaw = _rounded(rng.uniform(-np.pi, np.pi))
    half_height = round(radius * FLATNESS[shape], 4)
    return Thing(name, shape, colour, size, rgb, radius, half_height, 0.0, 0.0, yaw)  # pyright: ignore[reportArgumentType]


def _arrange(rng: np.random.Generator, items: Sequence[Thing], fixtures: Sequence[Fixture]) -> list[Thing]:
    """Place all of `items`, at least `GAP_M` apart and clear of fixtures. Draws again until they fit."""
    for _ in range(1000):
        placed: list[Thing] = []
        for item in items:
            for _ in range(30):
                x, y = rng.uniform(*AREA_X_M), rng.uniform(*AREA_Y_M)
                placed_item = replace(item, x_m=_rounded(x), y_m=_rounded(y))
                if _is_free(placed_item, placed, fixtures):
                    placed.append(placed_item)
                    break
        if len(placed) == len(items):
            return placed
    raise AssertionError(f"{len(items)} things do not fit on the table")


def _is_free(thing: Thing, others: Sequence[Thing], fixtures: Sequence[Fixture]) -> bool:
    for other in others:
        reach = _half_width(thing) + _half_width(other) + GAP_M
        if np.hypot(thing.x_m - other.x_m, thing.y_m - other.y_m) < reach:
            return False
    return all(not _is_in_the_way(thing, fixture) for fixture in fixtures)


def _half_width(thing: Thing) -> float:
    """The radius of the circle around a thing, for any yaw."""
    return thing.radius_m * (2**0.5 if thing.shape == "cube" else 1.0)


def _is_in_the_way(thing: Thing, fixture: Fixture) -> bool:
    """Whether a finger does not fit between thing and fixture, or the thing blocks a drawer or a hand at its handle."""
    half_x, half_y = FOOTPRINT_M[fixture.kind]
    aside, front = 0.02, half_y + 0.03
    if fixture.kind == "drawer":  # as tall as fingers are long: they must fit, open, between drawer and thing
        aside, front = 0.045, -HANDLE_M[1] + DRAWER_TRAVEL_M + 0.045
    reach = _half_width(thing)
    ahead = fixture.y_m - thing.y_m
    return abs(thing.x_m - fixture.x_m) < half_x + aside + reach and ahead < front + reach


def _draw_light(rng: np.random.Generator, held_out: bool) -> Light:
    """Light from above and any side; held out: low from one side, or tinted."""
    angle = rng.uniform(-np.pi, np.pi)
    if not held_out:
        direction = (0.35 * np.cos(angle), 0.35 * np.sin(angle), 1.0)
        strength = rng.uniform(0.45, 0.65)
        return Light(_triple(direction), _triple((strength,) * 3), round(float(rng.uniform(0.35, 0.45)), 4))
    if rng.random() < 0.5:
        return Light(_triple((1.3 * np.cos(angle), 1.3 * np.sin(angle), 1.0)), (0.8, 0.8, 0.8), 0.2)
    tint = ((0.75, 0.55, 0.35), (0.40, 0.55, 0.80))[rng.integers(2)]
    return Light(_triple((0.35 * np.cos(angle), 0.35 * np.sin(angle), 1.0)), tint, 0.35)


def _draw_camera(rng: np.random.Generator, held_out: bool) -> FrontCamera:
    """The operator's view with small variations; held out: clearly to a side, higher or lower."""
    position, target = np.array([0.0, -0.52, 0.76]), np.array([0.0, 0.0, 0.02])
    if held_out:
        side = np.array([rng.choice([-1, 1]) * rng.uniform(0.12, 0.2), 0, rng.choice([-1, 1]) * rng.uniform(0.05, 0.1)])
        position = position + side
    else:
        position = position + rng.uniform(-0.01, 0.01, 3)
    return FrontCamera(_triple(position), _triple(target), 34.0)


def _triple(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    x, y, z = (_rounded(value) for value in values)
    return x, y, z


def _rounded(value: float) -> float:
    """Rounded to a tenth of a millimetre (or milliradian), to be short in JSON."""
    return round(float(value), 4)
