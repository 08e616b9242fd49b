"""Runs the cases of `*/cases/` in Spark and writes what comes of them into `expected`.

    pip install pyspark==4.3.0        # and Java 17
    python3 tests/spark/spark.py [GROUP | GROUP/NAME...]

Which modes a case runs in is said by the keys of its `expected` and `refused`; what Spark refuses
is moved to `refused`, with its words. README.md has the rest.
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

from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession

HERE = Path(__file__).parent
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def sources(case):
    """One source is the table `events`, and its batches are lists; several have names."""
    return case.get("sources") or {"events": case}


def read(spark, name, source, batches, work):
    folder = Path(work) / name
    folder.mkdir()
    schema = ", ".join(f"{column} {kind}" for column, kind in source["schema"].items())
    if "rows" in source:
        (folder / "rows.json").write_text("".join(text(row) + "\n" for row in source["rows"]))
        spark.read.schema(schema).json(str(folder)).createOrReplaceTempView(name)
        return
    for index, batch in enumerate(batches):
        rows = batch if isinstance(batch, list) else batch.get(name, [])
        file = folder / f"{index:03}.json"
        file.write_text("".join(text(row) + "\n" for row in rows))
        # Files are read oldest first, and one of each source in each batch, if it is empty too.
        os.utime(file, (1_767_225_600 + index,) * 2)
    table = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(str(folder))
    if "delay" in source:
        amount, unit = re.fullmatch(r"(\d+)(\w+)", source["delay"]).groups()
        table = table.withWatermark(source.get("time", "ts"), f"{amount} {UNITS[unit]}")
    table.createOrReplaceTempView(name)


def dedupe(spark, case):
    """`dropDuplicates` has no SQL: the query reads what comes of it as the table `deduped`."""
    if "dedupe" not in case:
        return
    step = case["dedupe"]
    table = spark.table(step["from"])
    drop = table.dropDuplicates
    if step.get("within_watermark"):
        drop = table.dropDuplicatesWithinWatermark
    drop(step.get("columns")).createOrReplaceTempView("deduped")


def run(spark, case, mode):
    """The rows of all batches, or in mode complete those of the last one; and how many each gave."""
    with tempfile.TemporaryDirectory() as work:
        for name, source in sources(case).items():
            read(spark, name, source, case["batches"], work)
        for name, sql in case.get("views", {}).items():
            spark.sql(sql).createOrReplaceTempView(name)
        dedupe(spark, case)
        rows, counts = [], []

        def collect(batch, _):
            if mode == "complete":
                rows.clear()
            found = [plain(row) for row in batch.collect()]
            rows.extend(found)
            counts.append(len(found))

        query = (
            spark.sql(case["sql"])
            .writeStream.outputMode(mode)
            .trigger(availableNow=True)
            .option("checkpointLocation", f"{work}/checkpoint")
            .foreachBatch(collect)
            .start()
        )
        query.awaitTermination()
        return rows if case.get("ordered") else sorted(rows, key=text), counts


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


def words(error):
    """What Spark says, without the plan and the stack below it."""
    said = str(error).strip().split("JVM stacktrace")[0]
    if "FOREACH_BATCH_USER_FUNCTION_ERROR" in said:
        said = re.findall(r"^[\w.]+Exception: (.*)$", said, re.MULTILINE)[-1]
    said = re.sub(r"#\d+L?(-T\d+ms)?", "", said)
    # Names of a run are not what it says.
    said = re.sub(r"^\[STREAM_FAILED\] Query \[id = .*?\] terminated with exception: ", "", said)
    return said.split(";\n")[0].split("\n=== Streaming")[0].split("\n\tat ")[0].strip()


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def case_text(case):
    """Rows stay on one line each, also those that hold lists."""
    lines = []
    for key, value in case.items():
        if key == "batches":
            value = "[\n" + ",\n".join(f"    {batch_text(batch)}" for batch in value) + "\n  ]"
        elif key in ("expected", "azud"):
            modes = (f"    {text(mode)}: {block(rows, 4)}" for mode, rows in value.items())
            value = "{\n" + ",\n".join(modes) + "\n  }" if value else "{}"
        elif key in ("refused", "sources", "views"):
            parts = (
                f"    {text(part)}: {json.dumps(of, ensure_ascii=False)}"
                for part, of in value.items()
            )
            value = "{\n" + ",\n".join(parts) + "\n  }"
        else:
            value = json.dumps(value, ensure_ascii=False)
        lines.append(f"  {text(key)}: {value}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def batch_text(batch):
    if isinstance(batch, list):
        return block(batch, 4)
    inputs = (f"      {text(name)}: {block(rows, 6)}" for name, rows in batch.items())
    return "{\n" + ",\n".join(inputs) + "\n    }" if batch else "{}"


def block(rows, indent):
    if rows is None:
        return "null"
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
        .config(
            # No process is started for the rights of each file.
            "spark.sql.streaming.checkpointFileManagerClass",
            "org.apache.spark.sql.execution.streaming.checkpointing"
            ".FileSystemBasedCheckpointFileManager",
        )
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    failed = 0
    for file in sorted(HERE.glob("*/cases/*.json")):
        group = file.parent.parent.name
        if names and group not in names and f"{group}/{file.stem}" not in names:
            continue
        case = json.loads(file.read_text())
        modes = [*case["expected"], *case.pop("refused", {})]
        expected, refused, counts = {}, {}, {}
        print(f"{group}/{file.stem}", flush=True)
        for mode in ("append", "update", "complete"):
            if mode not in modes:
                continue
            try:
                expected[mode], counts[mode] = run(spark, case, mode)
            except PySparkException as error:
                refused[mode] = words(error)
                print(f"    {mode} {type(error).__name__}: {refused[mode]}", flush=True)
            except Exception as error:
                failed += 1
                print(f"    {mode} FAILED: {str(error).strip()[:1500]}", flush=True)
        case["expected"] = expected
        for key, found in ("counts", counts), ("refused", refused):
            case.pop(key, None)
            if found:
                case[key] = found
        file.write_text(case_text(case))
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
