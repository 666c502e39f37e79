"""Everything on a page that takes a simulator: films, and how failures went."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.studio.comparison import Comparison
from praxia.studio.duel import Duel, worth_watching
from praxia.studio.failures import Failures, failures_of
from praxia.studio.repetition import Episode, Repeater
from praxia.studio.videos import Video, video_episodes, video_pairs

__all__ = ["Replays", "shoot"]

_MOST_PAIRS = 6


@dataclass(frozen=True)
class Replays:
    """Of one comparison: films of the main evaluation, films of a duel's discordant pairs, and failures."""

    videos: Sequence[Video] = ()
    discordant: Sequence[Video] = ()
    failures: Sequence[Failures] = ()


def shoot(comparison: Comparison, duel: Duel | None, repeater: Repeater) -> Replays:
    """Repeat what is worth seeing of a comparison: seconds an episode."""
    return Replays(
        video_episodes(comparison.main.source, repeater),
        [] if duel is None else _discordant(duel, repeater),
        failures_of(comparison, repeater),
    )


def _discordant(duel: Duel, repeater: Repeater) -> list[Video]:
    chosen = worth_watching(duel.pairs, _MOST_PAIRS)
    return video_pairs([(Episode(duel.a.source, pair.a), Episode(duel.b.source, pair.b)) for pair in chosen], repeater)
