"""Spark Structured Streaming, topic to topic, by the same filter as the plugin, as one micro-batch
after another until the end (`availableNow`).

    spark.py SERVERS JARS RECORDS

Prints seconds, and records a CPU second. Not counted: starting the JVM, and a first run over the
same topic, with which it warms up.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

servers, jars, records = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Of one epoch of a second, about, and what `maxOffsetsPerTrigger` is for.
BATCH = 500_000


def cpu(process):
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def jvm():
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            continue
        if b"org.apache.spark.deploy.SparkSubmit" in command and str(os.getpid()) in parents(process):
            return process
    raise SystemExit("there is no JVM")


def parents(process):
    found = [process]
    while found[-1] != "1" and found[-1] != "0":
        stat = Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()
        found.append(stat[1])
    return found


spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.jars", ",".join(str(jar) for jar in Path(jars).glob("*.jar")))
    .config("spark.driver.memory", "3g")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")


def copy():
    state = tempfile.mkdtemp()
    source = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", "bench-in")
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", BATCH)
        .load()
    )
    # As much as: its first byte is below 200.
    kept = source.filter("value < X'C8'").select("key", "value")
    query = (
        kept.writeStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("topic", "bench-out")
        .option("checkpointLocation", state)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    shutil.rmtree(state)


copy()
process = jvm()
before, started = cpu(process), time.monotonic()
copy()
seconds, taken = time.monotonic() - started, cpu(process) - before
print(
    f"{'Spark':<22} {seconds:>8.3f} s {records / seconds:>10.0f} records/s, "
    f"{records / taken:>8.0f} records a CPU second"
)
