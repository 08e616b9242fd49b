"""What counting takes of the processors: the samples of a profile that lie in its code.

    target/release/azud-bench-telemetry 1        # once: it writes the pipeline
    python3 bench/telemetry/share.py [AZUD]      # default target/release/azud

Two runs with and without an endpoint differ by more than what is sought, and counting is in both. So
`perf` samples one that is scraped each second, and `addr2line` says of each address which functions
were inlined there: a sample is of counting if one of them is in `engine/src/telemetry`. What that
calls on the way of a row, out of line, is the clock: all of its readings are shown beside it, also
those that others make. Needs perf and binutils.
"""

import collections
import re
import subprocess
import sys
import threading
import urllib.request

MANIFEST = "target/bench/telemetry/pipeline.yaml"
DATA = "target/bench/telemetry/perf.data"
ADDRESS = "127.0.0.1:9465"
# Times a second.
RATE = 1999


def profile(azud):
    """Runs the pipeline under perf, scraped each second."""
    run = [azud, "run", MANIFEST, "--listen", ADDRESS]
    perf = subprocess.Popen(["perf", "record", "-q", "-F", str(RATE), "-o", DATA, *run])
    ended, scrapes = threading.Event(), 0
    threading.Thread(target=lambda: (perf.wait(), ended.set()), daemon=True).start()
    while not ended.wait(1):
        try:
            for path in ("metrics", "status"):
                urllib.request.urlopen(f"http://{ADDRESS}/{path}", timeout=10).read()
            scrapes += 1
        except OSError:
            pass  # It starts, or has just ended.
    if perf.returncode != 0 or scrapes == 0:
        sys.exit(f"perf ended with {perf.returncode}, after {scrapes} scrapes")
    return scrapes


def script(*arguments):
    """What perf tells of the samples, line by line."""
    output = subprocess.run(["perf", "script", "-i", DATA, *arguments], capture_output=True, text=True)
    return output.stdout.splitlines()


def code(azud):
    """What is added to an address of the process to have that of the file."""
    for line in script("-F", "ip", "--show-mmap-events"):
        mapped = re.search(r"\[(0x\w+)\(\w+\) @ (0x\w+|0) .*r-xp .*azud$", line)
        if mapped:
            start, offset = (int(number, 16) for number in mapped.groups())
            break
    else:
        sys.exit("perf tells no mapping of azud")
    headers = subprocess.run(["readelf", "-lW", azud], capture_output=True, text=True).stdout
    for line in headers.splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"] and "R E" in line:
            return offset - start + int(fields[2], 16) - int(fields[1], 16)
    sys.exit("azud has no code")


def inlined(azud, addresses):
    """The functions and lines at each address of the file, innermost first."""
    asked = "\n".join(hex(address) for address in addresses)
    command = ["addr2line", "-e", azud, "-i", "-f", "-C", "-a"]
    output = subprocess.run(command, input=asked, capture_output=True, text=True).stdout
    found, at = collections.defaultdict(list), None
    for line in output.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            at = int(line, 16)
        else:
            found[at].append(line)
    return found


def main():
    azud = sys.argv[1] if len(sys.argv) > 1 else "target/release/azud"
    scrapes = profile(azud)
    samples, own, clock = 0, collections.Counter(), 0
    add = code(azud)
    for line in script("-F", "ip,dso"):
        fields = line.split(None, 1)
        if len(fields) < 2:
            continue
        samples += 1
        clock += "[vdso]" in line
        if fields[1].endswith("/azud)"):
            own[int(fields[0], 16) + add] += 1
    chains = inlined(azud, own)
    here = lambda name: sum(n for at, n in own.items() if any(name in line for line in chains[at]))
    resolved = sum(n for at, n in own.items() if any("/engine/src/" in line for line in chains[at]))
    if resolved == 0:
        sys.exit("no sample lies in the engine: addresses are not found")
    counting, clock = here("engine/src/telemetry"), clock + here("model/src/clock.rs")
    share = lambda of: f"{of} ({100 * of / samples:.3f} %)"
    print(f"{samples} samples, scraped {scrapes} times: {share(counting)} in counting and telling, "
          f"{share(clock)} in all readings of the clock, {share(resolved)} in all of the engine's "
          f"own code; together {100 * (counting + clock) / samples:.2f} % at most (aim 1 %)")


main()
