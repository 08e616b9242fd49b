"""Writes clicks of so many users, 1,000 unless said, a millisecond apart and up to two seconds out of
order: the same for the same arguments."""

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path


def main(folder: str, rows: int, files: int, users: int) -> None:
    random.seed(20260103)
    start = datetime(2026, 1, 1)
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    each = rows // files
    for number in range(files):
        with open(out / f"part-{number:03}.json", "w") as file:
            for row in range(each):
                user = f"user-{random.randint(0, users - 1):04}"
                amount = random.randint(0, 10_000)
                behind = random.randint(0, 1_999)
                time = start + timedelta(milliseconds=2_000 + number * each + row - behind)
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
                file.write(f'{{"user":"{user}","amount":{amount},"ts":"{stamp}","url":"/p/{row % 1000:03}"}}\n')


if __name__ == "__main__":
    users = int(sys.argv[4]) if len(sys.argv) > 4 else 1_000
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), users)
