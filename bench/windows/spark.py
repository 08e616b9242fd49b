"""The same job in Spark Structured Streaming; prints the seconds of each run, the second one warm."""

import os
import shutil
import sys
import tempfile
import time

from pyspark.sql import SparkSession


def main(data: str, runs: int) -> None:
    key, window = os.environ["KEY"], os.environ["WINDOW"]
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for _ in range(runs):
        state, out = tempfile.mkdtemp(), tempfile.mkdtemp()
        started = time.monotonic()
        schema = "user string, amount bigint, ts timestamp, url string"
        clicks = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(data)
        clicks.withWatermark("ts", "5 seconds").createOrReplaceTempView("clicks")
        counts = spark.sql(
            f"SELECT {key}.start AS start, user, count(*) AS clicks, max(amount) AS most "
            f"FROM clicks GROUP BY {key}(ts, {window}), user"
        )
        query = (
            counts.writeStream.format("json")
            .option("path", out)
            .option("checkpointLocation", state)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        seconds = time.monotonic() - started
        total = spark.read.json(out).count()
        print(f"{seconds:.3f} {total}", flush=True)
        shutil.rmtree(state)
        shutil.rmtree(out)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
