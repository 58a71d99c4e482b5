"""The one source of chance of the demo study. Nothing else lives here, and no figure about a term."""

from __future__ import annotations

import random
from collections.abc import Sequence


class Dice:
    """Draws from the one sequence that is the same on every Python version."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random

    def happens(self, chance: float) -> bool:
        """True with this chance."""
        return self._draw() < chance

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._draw() * (high - low + 1))

    def pick(self, choices: Sequence[str]) -> str:
        """One of the choices, each as likely."""
        return choices[self.between(0, len(choices) - 1)]

    def weighted(self, weights: Sequence[float]) -> int:
        """Position of a weight, each as likely as its share."""
        point = self._draw() * sum(weights)
        for position, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return position
        return len(weights) - 1
