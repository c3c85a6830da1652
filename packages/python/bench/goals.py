"""What is asked of a figure: so many times what is done by hand, or, where that is more than the library does alone, a part of that."""

from __future__ import annotations

LEAST_OF_FLOOR = 0.5


class Goals:
    """The verdicts on a table's rows."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self._told: list[str] = []

    def judge(self, what: str, times: float, goal: float, by_hand: float, most: float | None = None) -> None:
        """``times`` is the figure as a multiple of ``by_hand``; ``most`` is what could be done here with no package around the library."""
        ours, wanted = times * by_hand, goal * by_hand
        if most is not None and wanted > most:
            words = (
                f"{what}: {goal:g} times by hand are {wanted:.0f} a second, more than the {most:.0f} that the library does alone here, "
                f"with no package around it; Knocker does {ours / most:.2f} of these, goal {LEAST_OF_FLOOR}"
            )
            (self._told if ours >= LEAST_OF_FLOOR * most else self.missed).append(words)
        elif times < goal:
            self.missed.append(f"{what}: {times:.1f} times by hand, goal {goal:g}")

    def tell(self) -> list[str]:
        """Says which goals were compared with something else, and returns those that were missed."""
        for words in self._told:
            print(words)
        return self.missed
