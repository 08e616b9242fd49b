"""Writes JSON lines of 97 bytes on average: the same for the same arguments."""

import random
import sys
from pathlib import Path


def main(folder: str, rows: int, files: int) -> None:
    random.seed(20260102)
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    each = rows // files
    for number in range(files):
        with open(out / f"part-{number:03}.json", "w") as file:
            for row in range(each):
                user = f"user-{random.randint(0, 99_999):05}"
                amount = random.randint(0, 100)
                second = (number * each + row) % 86_400
                stamp = f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
                url = f"/p/{random.randint(0, 999):03}"
                file.write(
                    f'{{"user":"{user}","amount":{amount},"ts":"{stamp}","url":"{url}","ok":{"true" if amount % 2 else "false"}}}\n'
                )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
