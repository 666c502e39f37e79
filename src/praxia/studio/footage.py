"""Everything on a page that takes a simulator: films, and how failures went."""

from collections.abc import Sequence
from dataclasses import dataclass

from praxia.studio.comparison import Comparison
from praxia.studio.duel import Duel, worth_watching
from praxia.studio.failures import Failures, failures_of
from praxia.studio.film import Film, film_episodes, film_pairs
from praxia.studio.repetition import Episode, Repeater

__all__ = ["Footage", "shoot"]

_MOST_PAIRS = 6


@dataclass(frozen=True)
class Footage:
    """Of one comparison: films of the main evaluation, films of a duel's discordant pairs, and failures."""

    films: Sequence[Film] = ()
    discordant: Sequence[Film] = ()
    failures: Sequence[Failures] = ()


def shoot(comparison: Comparison, duel: Duel | None, repeater: Repeater) -> Footage:
    """Repeat what is worth seeing of a comparison: seconds an episode."""
    return Footage(
        film_episodes(comparison.main.source, repeater),
        [] if duel is None else _discordant(duel, repeater),
        failures_of(comparison, repeater),
    )


def _discordant(duel: Duel, repeater: Repeater) -> list[Film]:
    chosen = worth_watching(duel.pairs, _MOST_PAIRS)
    return film_pairs([(Episode(duel.a.source, pair.a), Episode(duel.b.source, pair.b)) for pair in chosen], repeater)
