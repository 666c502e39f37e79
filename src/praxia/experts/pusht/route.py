"""The way to a place around the block, without touching it."""

import heapq

import numpy as np
from jaxtyping import Float64
from shapely import LineString, Point, Polygon, box, get_coordinates, shortest_line

from praxia.experts.pusht.search import AGENT_RANGE_PX, GAP_PX
from praxia.experts.pusht.shape import AGENT_PX, outline, placed

__all__ = ["route"]

Place = Float64[np.ndarray, "2"]

# Ways lead this far from the block around its corners, and nowhere nearer than a little less than a push begins.
AROUND_PX, NEAREST_PX = AGENT_PX + GAP_PX + 4.0, AGENT_PX + GAP_PX - 1.5


def route(agent: Place, place: Place, block: Float64[np.ndarray, "3"]) -> tuple[Place, ...]:
    """The corners of the shortest way from `agent` to `place`, which is its last; the straight one if there is none.

    An agent at the block first leaves it by the shortest way.
    """
    shape = Polygon(placed(outline(), block))
    closed = shape.buffer(NEAREST_PX, join_style="mitre")
    low, high = AGENT_RANGE_PX
    around = shape.buffer(AROUND_PX, join_style="mitre").exterior.intersection(box(low, low, high, high))
    corners = list(get_coordinates(around))
    if closed.intersects(Point(agent)):
        left = get_coordinates(shortest_line(around, Point(agent)))[0]
        return left, *_shortest(left, place, closed, corners)
    return tuple(_shortest(agent, place, closed, corners))


def _shortest(begin: Place, end: Place, closed: Polygon, corners: list[Place]) -> list[Place]:
    """Dijkstra's, over those of `corners` that see each other past `closed`."""
    places = [begin, end, *corners]
    ways, done = [(0.0, [0])], set()
    while ways:
        length, way = heapq.heappop(ways)
        if way[-1] == 1:
            return [places[at] for at in way[1:]]
        if way[-1] in done:
            continue
        done.add(way[-1])
        here = places[way[-1]]
        for at, there in enumerate(places):
            if at not in done and not closed.intersects(LineString([here, there])):
                heapq.heappush(ways, (length + float(np.linalg.norm(there - here)), [*way, at]))
    return [end]
