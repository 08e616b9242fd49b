"""Writes lines of 10 to 15 words into files: the same for the same arguments."""

import random
import sys
from pathlib import Path

WORDS = 10_000


def main(folder: str, lines: int, files: int) -> None:
    random.seed(20260101)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random.choices(letters, k=random.randint(3, 9))) for _ in range(WORDS)]
    # As in a language, some words are much more frequent than others.
    weights = [1 / (rank + 10) for rank in range(WORDS)]
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    each = lines // files
    for number in range(files):
        with open(out / f"part-{number:03}.txt", "w") as file:
            for _ in range(each):
                file.write(" ".join(random.choices(words, weights, k=random.randint(10, 15))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
