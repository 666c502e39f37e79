"""Everything on a page that takes a simulator."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.studio.comparison import Comparison
from praxia.studio.duel import Duel, worth_watching
from praxia.studio.film import Film, film_episodes, film_pairs
from praxia.studio.repetition import Episode, Repeater

__all__ = ["Footage", "shoot"]

_MOST_PAIRS = 6


@dataclass(frozen=True)
class Footage:
    """Of one comparison: films of the main evaluation and of a duel's discordant pairs."""

    films: Sequence[Film] = ()
    discordant: Sequence[Film] = ()


def shoot(comparison: Comparison, duel: Duel | None, repeater: Repeater) -> Footage:
    """Repeat what is worth seeing of a comparison: seconds an episode."""
    return Footage(
        film_episodes(comparison.main.source, repeater),
        [] if duel is None else _discordant(duel, repeater),
    )


def _discordant(duel: Duel, repeater: Repeater) -> list[Film]:
    chosen = worth_watching(duel.pairs, _MOST_PAIRS)
    return film_pairs([(Episode(duel.a.source, pair.a), Episode(duel.b.source, pair.b)) for pair in chosen], repeater)
