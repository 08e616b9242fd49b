"""Runs the cases in `cases/` in Spark and writes what comes of them into `expected`.

    pip install pyspark==4.3.0        # and Java 17
    python3 tests/spark/windows/spark.py [NAME...]

Which modes a case runs in is said by the keys of its `expected`; README.md has the rest.
"""

import datetime
import decimal
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

# Before Python asks for it: timestamps are collected in the local time zone.
os.environ["TZ"] = "UTC"
time.tzset()

from pyspark.sql import Row, SparkSession

CASES = Path(__file__).parent / "cases"
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def run(spark, case, mode):
    """The rows of all batches, or in mode complete those of the last one."""
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "in"
        source.mkdir()
        for number, batch in enumerate(case["batches"]):
            file = source / f"{number:03}.json"
            file.write_text("".join(text(row) + "\n" for row in batch))
            # Files are read oldest first.
            os.utime(file, (1_767_225_600 + number,) * 2)
        amount, unit = re.fullmatch(r"(\d+)(\w+)", case["delay"]).groups()
        schema = ", ".join(f"{name} {kind}" for name, kind in case["schema"].items())
        events = (
            spark.readStream.schema(schema)
            .option("maxFilesPerTrigger", 1)
            .json(str(source))
            .withWatermark("ts", f"{amount} {UNITS[unit]}")
        )
        events.createOrReplaceTempView("events")
        rows = []

        def collect(batch, _):
            if mode == "complete":
                rows.clear()
            rows.extend(plain(row) for row in batch.collect())

        query = (
            spark.sql(case["sql"])
            .writeStream.outputMode(mode)
            .trigger(availableNow=True)
            .option("checkpointLocation", f"{work}/checkpoint")
            .foreachBatch(collect)
            .start()
        )
        query.awaitTermination()
        return sorted(rows, key=text)


def plain(value):
    """A value as JSON has it; fields that are null are left out."""
    if isinstance(value, Row):
        fields = value.asDict().items()
        return {name: plain(field) for name, field in fields if field is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def case_text(case):
    """Rows stay on one line each, also those that hold lists."""
    lines = []
    for key, value in case.items():
        if key == "batches":
            value = "[\n" + ",\n".join(f"    {block(rows, 4)}" for rows in value) + "\n  ]"
        elif key in ("expected", "azud"):
            modes = (f"    {text(mode)}: {block(rows, 4)}" for mode, rows in value.items())
            value = "{\n" + ",\n".join(modes) + "\n  }"
        else:
            value = json.dumps(value, ensure_ascii=False)
        lines.append(f"  {text(key)}: {value}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def block(rows, indent):
    if not rows:
        return "[]"
    margin = " " * indent
    return "[\n" + ",\n".join(f"{margin}  {text(row)}" for row in rows) + f"\n{margin}]"


def main(names):
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "1")
        # The rest is for speed: the plans are many, and the rows few.
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    failed = 0
    for file in sorted(CASES.glob("*.json")):
        if names and file.stem not in names:
            continue
        case = json.loads(file.read_text())
        for mode in case["expected"]:
            try:
                case["expected"][mode] = run(spark, case, mode)
            except Exception as error:
                failed += 1
                print(f"{file.stem} {mode}: {str(error).strip()[:1500]}", flush=True)
        file.write_text(case_text(case))
        print(file.stem, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
