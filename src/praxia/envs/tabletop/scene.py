"""A scene of Tabletop as a plain value: everything that a simulator needs to build it, bit for bit, from JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from praxia.envs.tabletop.palette import Rgb

__all__ = ["SHAPES", "Fixture", "FrontCamera", "Light", "Scene", "Thing"]

Shape = Literal["cube", "ball", "cylinder", "puck", "post", "slab"]
Kind = Literal["bin", "plate", "button", "switch", "drawer", "spot", "belt"]

# The shapes in instructions; posts and slabs are distractors.
SHAPES: tuple[Shape, ...] = ("cube", "ball", "cylinder", "puck")


@dataclass(frozen=True)
class Thing:
    """A loose object that rests on the table: `radius_m` is half its width, `half_height_m` half its height.

    `colour` and `size` are its description in words, `rgb` its appearance. `name` is that of its MuJoCo body.
    """

    name: str
    shape: Shape
    colour: str
    size: Literal["small", "large"]
    rgb: Rgb
    radius_m: float
    half_height_m: float
    x_m: float
    y_m: float
    yaw_rad: float


@dataclass(frozen=True)
class Fixture:
    """Something fixed to the table. `turned`: a switch points right, or a drawer is open.

    A spot is paint on the table, which may move over it; a belt runs along x (`motion`). `x_m`, `y_m`: at the start.
    """

    name: str
    kind: Kind
    colour: str
    rgb: Rgb
    x_m: float
    y_m: float
    turned: bool = False


@dataclass(frozen=True)
class Light:
    """A directional light: the direction it comes from, its colour, and the ambient light beside it."""

    direction: tuple[float, float, float]
    rgb: Rgb
    ambient: float


@dataclass(frozen=True)
class FrontCamera:
    """The operator's view: the camera's position, its target, and its vertical field of view."""

    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    fovy_deg: float


@dataclass(frozen=True)
class Scene:
    """A table and what is on it. `distractors` are things that no instruction mentions.

    `table_height_m` is the height of the table top above nominal, `table` the name of its texture.
    """

    things: tuple[Thing, ...]
    fixtures: tuple[Fixture, ...]
    distractors: tuple[Thing, ...]
    table_height_m: float
    table: str
    light: Light
    camera: FrontCamera

    @property
    def loose(self) -> tuple[Thing, ...]:
        """Everything that can move."""
        return self.things + self.distractors

    def find(self, name: str) -> Thing | Fixture:
        """The thing or fixture of that name. Raises KeyError."""
        return {item.name: item for item in (*self.loose, *self.fixtures)}[name]

    def to_json(self) -> dict[str, Any]:
        """A JSON value from which `from_json` makes an equal scene. Its keys are part of start keys."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Scene":
        """The inverse of `to_json`, before or after a trip through JSON text."""
        light, camera = value["light"], value["camera"]
        return cls(
            things=tuple(_coloured(Thing, item) for item in value["things"]),
            fixtures=tuple(_coloured(Fixture, item) for item in value["fixtures"]),
            distractors=tuple(_coloured(Thing, item) for item in value["distractors"]),
            table_height_m=value["table_height_m"],
            table=value["table"],
            light=Light(tuple(light["direction"]), tuple(light["rgb"]), light["ambient"]),
            camera=FrontCamera(tuple(camera["position_m"]), tuple(camera["target_m"]), camera["fovy_deg"]),
        )


def _coloured(kind: type, value: Mapping[str, Any]) -> Any:
    return kind(**{**value, "rgb": tuple(value["rgb"])})
