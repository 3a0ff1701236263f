"""Age groups: which of ten equal-width classes an age in years belongs to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.bundle import N_AGE_GROUPS


@dataclass(frozen=True)
class AgeGroups:
    """Ten bins of equal width over [youngest, oldest + 1), as the 2023 challenge cut its ages.

    Attributes:
        youngest: years.
        oldest: years, at least `youngest`; the last group includes it.

    Raises:
        ValueError: `oldest` is below `youngest`.
    """

    youngest: int
    oldest: int

    def __post_init__(self) -> None:
        if self.oldest < self.youngest:
            raise ValueError(f"the oldest age, {self.oldest}, is below the youngest, {self.youngest}")

    @property
    def edges(self) -> NDArray[np.float64]:
        """The ends of the groups, years, float64 [11]; group g holds edges[g] <= age < edges[g + 1]."""
        return np.linspace(self.youngest, self.oldest + 1, N_AGE_GROUPS + 1)

    def of(self, age: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups of ages.

        Args:
            age: int64 [n], years, or -1 where it is unknown.

        Returns:
            int64 [n], 0..9, or -1 where the age is unknown.

        Raises:
            ValueError: a known age outside youngest..oldest.
        """
        is_known = age != -1
        known = age[is_known]
        if known.size and (known.min() < self.youngest or known.max() > self.oldest):
            raise ValueError(
                f"ages {known.min()}..{known.max()} are not all within {self.youngest}..{self.oldest}"
            )
        group = np.searchsorted(self.edges, age, side="right") - 1
        return np.where(is_known, group, -1).astype(np.int64)

    def to_dict(self) -> dict[str, int | list[float]]:
        """Return the groups as the manifest states them under "age_groups"."""
        return {"youngest": self.youngest, "oldest": self.oldest, "edges": self.edges.tolist()}
