"""Episode numbers as people write them: `3`, `5-8`, `9,11` (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from robot_rl.datasets.errors import DatasetError


def parse_numbers(texts: Iterable[str]) -> tuple[int, ...]:
    """Numbers in order, each once: `["3", "5-7", "9,11"]` gives (3, 5, 6, 7, 9, 11).

    Raises:
        DatasetError: something is neither a number nor a range.
    """
    found: set[int] = set()
    for part in (p.strip() for text in texts for p in text.split(",")):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise DatasetError(f"'{part}' is no episode number: write 3, or a range 5-8, or a list 3,5-8")
        low, high = int(first), int(last) if dash else int(first)
        if high < low:
            raise DatasetError(f"the range '{part}' runs backwards: write {high}-{low}")
        found |= set(range(low, high + 1))
    return tuple(sorted(found))


def as_ranges(numbers: Iterable[int]) -> str:
    """The shortest way to write numbers: (3, 5, 6, 7) gives `3, 5-7`; `none` when empty."""
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    parts = [str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs]
    return ", ".join(parts) or "none"


def check_there(wanted: Sequence[int], there: Iterable[int], where: object) -> None:
    """Refuse numbers of episodes that do not exist, naming those that do. Raises DatasetError."""
    known = set(there)
    if not wanted:
        raise DatasetError(f"no episode was named; {where} holds {as_ranges(known)}")
    if missing := [n for n in wanted if n not in known]:
        noun = "episode" if len(missing) == 1 else "episodes"
        raise DatasetError(f"no {noun} {as_ranges(missing)} in {where}: it holds {as_ranges(known)}")
