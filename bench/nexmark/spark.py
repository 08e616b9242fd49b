"""A query in Spark Structured Streaming, as often as asked, in a session that stays; prints the
seconds of each run, and at last the peak of the JVM's memory in KiB. The rows of the last run stay."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

from queries import BY_CLOCK, DELAY, QUERIES, SCHEMAS, STATIC


def main(name: str, data: str, out: str, runs: int) -> None:
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    sources, sql = QUERIES[name]
    for _ in range(runs):
        shutil.rmtree(out, ignore_errors=True)
        state = tempfile.mkdtemp()
        started = time.monotonic()
        for source in sources:
            place = f"{data}/{source}"
            if source in STATIC:
                table = spark.read.schema(SCHEMAS[source]).json(place)
            else:
                table = spark.readStream.schema(SCHEMAS[source]).option("maxFilesPerTrigger", 1)
                table = table.json(place).withWatermark("dateTime", f"{DELAY} seconds")
            table.createOrReplaceTempView(source)
        rows = spark.sql(sql).writeStream.option("checkpointLocation", state)
        if name in BY_CLOCK:
            rows = rows.format("noop").outputMode("update")
        else:
            rows = rows.format("json").option("path", out)
        rows.trigger(availableNow=True).start().awaitTermination()
        print(f"{time.monotonic() - started:.3f}", flush=True)
        shutil.rmtree(state)
    jvm = spark.sparkContext._gateway.proc.pid
    status = Path(f"/proc/{jvm}/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
