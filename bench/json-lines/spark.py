"""The same job in Spark Structured Streaming; prints the seconds of each run, the second one warm."""

import shutil
import sys
import tempfile
import time

from pyspark.sql import SparkSession


def main(data: str, runs: int) -> None:
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for _ in range(runs):
        state, out = tempfile.mkdtemp(), tempfile.mkdtemp()
        started = time.monotonic()
        schema = "user string, amount bigint, ts timestamp, url string, ok boolean"
        clicks = spark.readStream.schema(schema).json(data)
        large = clicks.where("amount > 50").selectExpr("user", "amount * 2 AS doubled", "url")
        query = (
            large.writeStream.format("json")
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
