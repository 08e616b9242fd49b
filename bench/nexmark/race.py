"""Races Azud against Spark, query by query, on the same files; holds the rows of both against each
other. `bench/race nexmark` starts it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from queries import BY_CLOCK, DELAY, QUERIES, SCHEMAS, STATIC

HERE = Path(__file__).parent
RUNS = int(os.environ.get("RUNS", "3"))


class Failed(Exception):
    """A run that ended badly: its log."""


def manifest(name, data, out, state):
    """What is JSON is YAML too. Windows that are open at the end stay open in Spark."""
    sources, sql = QUERIES[name]
    nodes = {}
    for source in sources:
        columns = dict(column.split(" ") for column in SCHEMAS[source].split(", "))
        node = {"file": {"path": f"{data}/{source}"}, "format": "json", "schema": columns}
        if source in STATIC:
            node["static"] = True
        else:
            node["file"]["max_files"] = 1
            node["time"] = {"column": "dateTime", "delay": f"{DELAY}s"}
        nodes[source] = node
    sink = {"from": "result", "file": {"path": str(out)}, "format": "json"}
    if name in BY_CLOCK:
        sink = {"from": "result", "blackhole": {}, "mode": "update"}
    return {
        "name": f"nexmark-{name}",
        "trigger": "once",
        "at_end": "keep",
        "checkpoint": {"to": str(state)},
        "sources": nodes,
        "transforms": {"result": {"sql": sql}},
        "sinks": {"out": sink},
    }


def azud(binary, name, data, work):
    """Seconds of the best run, start and end included, and the most KiB of memory of any."""
    out, state, pipeline = work / "azud", work / "azud-state", work / "pipeline.yaml"
    pipeline.write_text(json.dumps(manifest(name, data, out, state), indent=1))
    seconds, memory = [], []
    for _ in range(RUNS):
        for folder in out, state:
            shutil.rmtree(folder, ignore_errors=True)
        with open(work / "azud.log", "w") as log:
            started = time.monotonic()
            run = subprocess.Popen([binary, "run", pipeline], stdout=log, stderr=log)
            # What the system says of a process that has ended counts this one's memory too.
            while run.poll() is None:
                memory.append(peak(run.pid))
                time.sleep(0.005)
            seconds.append(time.monotonic() - started)
        if run.returncode:
            raise Failed(f"azud failed\n{(work / 'azud.log').read_text()}")
    return min(seconds), max(memory)


def peak(pid):
    """KiB, up to now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def spark(name, data, work):
    """Seconds of the best warm run, and the most KiB of memory of the JVM."""
    command = [sys.executable, HERE / "spark.py", name, data, work / "spark", str(RUNS + 1)]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    with open(work / "spark.log", "w") as log:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
    if run.returncode:
        raise Failed(f"Spark failed\n{(work / 'spark.log').read_text()[-4000:]}")
    *seconds, memory = run.stdout.split()
    return min(float(second) for second in seconds[1:]), int(memory)


def rows(folder):
    """How often each row is there."""
    found = Counter()
    for file in folder.glob("part-*"):
        for line in open(file):
            # Each writes fractions of seconds, and zeros behind numbers, in its own way.
            row = re.sub(r'(:\d\d)(?:\.(\d*?)0*)?Z"', lambda m: f'{m[1]}.{m[2] or 0}Z"', line)
            found[tuple(sorted(json.loads(row).items()))] += 1
    return found


def differences(work):
    """What is wrong with Azud's rows, and how many there are."""
    ours, theirs = rows(work / "azud"), rows(work / "spark")
    missing, surplus = theirs - ours, ours - theirs
    if not missing and not surplus:
        return "", ours.total()
    return f"{missing.total()} rows missing, {surplus.total()} too many", ours.total()


def main(binary, data, work, names):
    unknown = set(names) - set(QUERIES)
    if unknown:
        sys.exit(f"no query {', '.join(sorted(unknown))}: there are {', '.join(QUERIES)}")
    with_spark = subprocess.run([sys.executable, "-c", "import pyspark"], capture_output=True).returncode == 0
    lines = {
        source: sum(sum(1 for _ in open(file, "rb")) for file in Path(data, source).iterdir())
        for source in SCHEMAS
    }
    heads = ("query", "rows in", "rows out", "azud rows/s", "spark rows/s", "ratio", "azud MB", "spark MB", "memory", "rows")
    form = "{:6} {:>9} {:>9} {:>12} {:>13} {:>7} {:>8} {:>9} {:>7}  {}"
    print(form.format(*heads), flush=True)
    failed = False
    for name in names or QUERIES:
        count = sum(lines[source] for source in QUERIES[name][0] if source not in STATIC)
        try:
            cells = query(binary, data, Path(work, name), name, count, with_spark)
        except Failed as error:
            cells = [name, count] + ["-"] * 7 + [str(error)]
        failed |= cells[-1] not in ("same", "not compared")
        print(form.format(*cells), flush=True)
    return failed


def query(binary, data, place, name, count, with_spark):
    """A line of the table."""
    place.mkdir(parents=True, exist_ok=True)
    seconds, memory = azud(binary, name, data, place)
    ours = f"{count / seconds:.0f}", f"{memory / 1024:.0f}"
    if not with_spark:
        return [name, count, "-", ours[0], "-", "-", ours[1], "-", "-", "not compared"]
    their_seconds, their_memory = spark(name, data, place)
    wrong, out = ("not compared", "-") if name in BY_CLOCK else differences(place)
    return [
        name,
        count,
        out,
        ours[0],
        f"{count / their_seconds:.0f}",
        f"{their_seconds / seconds:.1f}x",
        ours[1],
        f"{their_memory / 1024:.0f}",
        f"1/{their_memory / memory:.0f}",
        wrong or "same",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
