"""The same job in Spark Structured Streaming; prints the seconds of each run, the second one warm."""

import shutil
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import explode, split


def main(data: str, runs: int) -> None:
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for _ in range(runs):
        state = tempfile.mkdtemp()
        started = time.monotonic()
        lines = spark.readStream.text(data)
        words = lines.select(explode(split(lines.value, " ")).alias("word"))
        query = (
            words.groupBy("word")
            .count()
            .writeStream.outputMode("complete")
            .format("memory")
            .queryName("counts")
            .option("checkpointLocation", state)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        seconds = time.monotonic() - started
        total = spark.sql("SELECT sum(count) FROM counts").collect()[0][0]
        print(f"{seconds:.3f} {total}", flush=True)
        shutil.rmtree(state)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
