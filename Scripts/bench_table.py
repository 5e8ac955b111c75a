#!/usr/bin/env python3
"""Compare Fathom with other inference engines and write the table in Docs/Performance.md.

    PYTHON Scripts/bench_table.py NETWORKS PEERS [--only NAME ...] [--threads 1,2] [--precisions fp32,bf16,int8]
                                  [--contend NAME,... | none] [--rounds 6] [--seconds 0.5] [--render]

NETWORKS is a folder of ONNX files with fixed shapes: NAME.onnx, and NAME_int8.onnx beside it where there is a
quantized (QDQ) form. PEERS is a folder with a bench.py and the workers of the other engines: bench.py takes a model,
--engines ENGINE:PRECISION,..., --worker NAME=COMMAND, --threads, --rounds, --seconds, --contend, --check and --json FILE, lets the
workers take turns, and writes one row a worker (name, engine, p50_ms, best_round_ms, load_s, peak_rss_mb, max_difference).
PYTHON is the interpreter in which the other engines are installed; an engine that is missing is left out and said so.

Each network is measured with each number of threads and each precision, idle and (those of --contend) beside a video
encoder on all cores. Fathom runs as '.build/release/fathom bench model FILE --worker'. A peer whose fp32 output differs
from the others' is no peer. Results are kept in --results (JSON), so that a part can be measured again; then the section
between the two marks of Docs/Performance.md is written anew. Ratios are best peer / Fathom: above 1 Fathom is faster.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FATHOM = os.path.join(ROOT, ".build", "release", "fathom")
DOCUMENT = os.path.join(ROOT, "Docs", "Performance.md")
BEGIN, END = "<!-- bench-table: begin -->", "<!-- bench-table: end -->"
ENGINES = {"fp32": ["ort", "openvino", "ncnn", "torch"], "bf16": ["openvino", "ncnn", "torch"],
           "int8": ["ort", "openvino"]}
# Engines whose threads spin or split evenly take seconds a run beside an encoder; they are never the best there.
CONTENDED = ["ort", "openvino"]
# fp32 outputs of right engines agree to 1e-4 of the largest value.
WRONG = 1e-2
DEFAULT_NETWORK = "default"


def key(row):
    """What makes a row one of its kind."""
    return row["network"], row["precision"], row["threads"], row["contended"]


def measure(arguments, network, path, precision, threads, contended):
    """One run of bench.py; the row, or None when Fathom did not take part."""
    file = path.removesuffix(".onnx") + "_int8.onnx" if precision == "int8" else path
    if not os.path.exists(file):
        return None
    engines = [e for e in ENGINES[precision]
               if e not in arguments.without.split(",") and (not contended or e in CONTENDED)]
    worker = f"fathom={FATHOM} bench model {file} --threads {threads} --precision {precision} --worker"
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [sys.executable, os.path.join(arguments.peers, "bench.py"), path, "--worker", worker,
                   "--engines", ",".join(f"{e}:{precision}" for e in engines), "--threads", str(threads),
                   "--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds), "--json", out.name]
        command += ["--contend"] if contended else []
        command += ["--check"] if precision == "fp32" and not contended else []
        print(f"{network} {precision} {threads}t{' contended' if contended else ''}", flush=True)
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  timeout=arguments.timeout)
        except subprocess.TimeoutExpired:
            print("  gave up: it took too long", flush=True)
            return None
        for line in done.stderr.strip().splitlines():
            if "left out" in line:
                print("  " + line, flush=True)
        try:
            workers = json.load(open(out.name))["workers"]
        except ValueError:
            print("  " + done.stderr.strip()[-300:], flush=True)
            return None
    rows = {w["name"].partition(":")[0]: w for w in workers}
    if "fathom" not in rows:
        return None
    wrong = [name for name, w in rows.items() if w.get("max_difference", 0) > WRONG]
    return {"network": network, "precision": precision, "threads": threads, "contended": contended,
            "wrong": wrong, "workers": rows}


def networks(arguments, scratch):
    """(name, path) of each network, the program's own first."""
    own = os.path.join(scratch, DEFAULT_NETWORK + ".onnx")
    subprocess.run([FATHOM, "model", "export", "default", "--size", "384x224", "-o", own, "--overwrite"],
                   check=True, stdout=subprocess.DEVNULL)
    yield DEFAULT_NETWORK, own
    for name in sorted(os.listdir(arguments.networks)):
        if name.endswith(".onnx") and not name.endswith("_int8.onnx"):
            yield name.removesuffix(".onnx"), os.path.join(arguments.networks, name)


def profile(path, precision, threads):
    """The operators that take the most time, for people who want to know what limits."""
    file = path.removesuffix(".onnx") + "_int8.onnx" if precision == "int8" else path
    done = subprocess.run([FATHOM, "bench", "model", file, "--threads", str(threads), "--precision", precision, "--json"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return None
    report = json.loads(done.stdout)
    parts = [{"name": p["name"], "share": p["share"], "gflops": p.get("gflops")} for p in report["operators"][:3]]
    return {"peak": report["peakGflops"], "parts": parts, "openblas": report["openblas"]}


def score(row):
    """(ratio, best peer, its ms, Fathom's ms); None without a peer."""
    figure = "p50_ms" if row["contended"] else "best_round_ms"
    peers = {n: w[figure] for n, w in row["workers"].items() if n != "fathom" and n not in row["wrong"]}
    if not peers:
        return None
    best = min(peers, key=peers.get)
    own = row["workers"]["fathom"][figure]
    return peers[best] / own, best, peers[best], own


def cell(row):
    """`ratio · Fathom ms / peer's ms (peer)`."""
    result = score(row) if row else None
    if not result:
        return "–"
    ratio, peer, theirs, own = result
    text = f"{ratio:.2f}"
    return f"{'**' + text + '**' if ratio >= 1 else text} · {own:.1f} / {theirs:.1f} {peer}"


def limits(row):
    """What the profile says of a row that is behind."""
    found = row.get("profile")
    if not found:
        return ""
    parts = []
    for part in found["parts"]:
        rate = f" at {100 * part['gflops'] / found['peak']:.0f} % of peak" if part.get("gflops") else ""
        parts.append(f"{part['name']} {100 * part['share']:.0f} %{rate}")
    return "; ".join(parts)


def render(rows, environment):
    """The section's text."""
    table = {key(row): row for row in rows}
    names = sorted({row["network"] for row in rows}, key=lambda n: (n != DEFAULT_NETWORK, n))
    threads = sorted({row["threads"] for row in rows})
    engines = sorted({w["engine"].rsplit(" ", 2)[0] if n != "fathom" else w["engine"]
                      for row in rows for n, w in row["workers"].items()})
    lines = [f"Measured on {environment['machine']}; {', '.join(engines)}. OpenBLAS: {environment['openblas']}. "
             "Each cell: best peer's time / Fathom's (**bold**: Fathom is faster), then Fathom's milliseconds / the best peer's. "
             "Workers take turns; times are medians of the quietest round, beside an encoder of all rounds."]
    for contended in (False, True):
        for precision in ENGINES:
            some = [r for r in rows if r["precision"] == precision and r["contended"] == contended]
            if not some:
                continue
            lines += ["", f"### {precision}{', beside an x264 encode on all cores' if contended else ''}", "",
                      "| network | " + " | ".join(f"{t} thread{'s' if t > 1 else ''}" for t in threads) + " |",
                      "| --- |" + " --- |" * len(threads)]
            for name in names:
                cells = [cell(table.get((name, precision, t, contended))) for t in threads]
                if any(c != "–" for c in cells):
                    lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "### Load and memory", "",
              f"Milliseconds from opening the file to being able to run / peak resident MiB, {threads[-1]} threads. "
              "The others' memory includes Python and its libraries.", ""]
    columns = [("fp32", e) for e in ["fathom"] + ENGINES["fp32"]] + [("int8", e) for e in ["fathom"] + ENGINES["int8"]]
    lines += ["| network | " + " | ".join(f"{e} {p}" for p, e in columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name in names:
        cells = []
        for precision, engine in columns:
            worker = (table.get((name, precision, threads[-1], False)) or {"workers": {}})["workers"].get(engine)
            cells.append(f"{1000 * worker['load_s']:.0f} / {worker['peak_rss_mb']:.0f}" if worker else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "### Rows behind", ""]
    behind = [(score(r)[0], r) for r in rows if score(r) and score(r)[0] < 1]
    for ratio, row in sorted(behind, key=lambda pair: pair[0]):
        where = f"{row['network']} {row['precision']}, {row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        text = f"- {where}{', beside an encode' if row['contended'] else ''}: {ratio:.2f} of {score(row)[1]}"
        lines.append(text + (f" ({limits(row)})" if limits(row) else ""))
    if not behind:
        lines.append("None.")
    own = sorted({r["network"] for r in rows if "fathom" in r["wrong"]})
    if own:
        lines += ["", "**Fathom's output differs from the first engine's:** " + ", ".join(own) + "."]
    wrong = sorted({(r["network"], n) for r in rows for n in r["wrong"] if n != "fathom"})
    if wrong:
        lines += ["", "Left out, since they compute something else: " + ", ".join(f"{e} on {n}" for n, e in wrong) + "."]
    return "\n".join(lines)


def machine():
    """The processor as the kernel names it."""
    name = platform.machine()
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores of {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", help="folder of ONNX files")
    parser.add_argument("peers", help="folder with bench.py and the other engines' workers")
    parser.add_argument("--only", action="append", help="a network by name (repeatable)")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--precisions", default=",".join(ENGINES))
    parser.add_argument("--contend", default="all", help="networks to measure beside an encoder, too: all, none, or names")
    parser.add_argument("--without", default="", help="engines to leave out, such as torch, which loads for long")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each worker's turn")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one comparison")
    parser.add_argument("--results", default=os.path.join(ROOT, ".build", "bench-table.json"))
    parser.add_argument("--render", action="store_true", help="write the section from earlier results")
    arguments = parser.parse_args()
    if not arguments.render and not os.path.exists(os.path.join(arguments.peers, "bench.py")):
        sys.exit(f"{arguments.peers} has no bench.py; see --help for what it must understand")
    kept = {"rows": [], "environment": {}}
    if os.path.exists(arguments.results):
        kept = json.load(open(arguments.results))
    rows = {key(row): row for row in kept["rows"]}
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in [] if arguments.render else networks(arguments, scratch):
            if arguments.only and name not in arguments.only:
                continue
            contended = [False]
            if arguments.contend == "all" or name in arguments.contend.split(","):
                contended.append(True)
            for precision in arguments.precisions.split(","):
                for threads in map(int, arguments.threads.split(",")):
                    for beside in contended:
                        row = measure(arguments, name, path, precision, threads, beside)
                        if not row:
                            continue
                        if score(row) and score(row)[0] < 1:
                            row["profile"] = profile(path, precision, threads)
                        rows[key(row)] = row
                        core = os.environ.get("OPENBLAS_CORETYPE")
                        found = profile(path, precision, threads) if not kept["environment"] else None
                        if found:
                            kept["environment"] = {
                                "machine": machine(),
                                "openblas": found["openblas"] + (f" (OPENBLAS_CORETYPE={core})" if core
                                                                 else " (OPENBLAS_CORETYPE not set)")}
                        kept["rows"] = list(rows.values())
                        with open(arguments.results, "w") as file:
                            json.dump(kept, file, indent=1)
    if not rows:
        sys.exit("nothing was measured")
    # Peers that computed something else in fp32 are no peers in any row of that network.
    for row in rows.values():
        reference = rows.get((row["network"], "fp32", row["threads"], False))
        row["wrong"] = reference["wrong"] if reference else row["wrong"]
    text = open(DOCUMENT).read()
    if BEGIN not in text or END not in text:
        sys.exit(f"{DOCUMENT} lacks the marks {BEGIN} and {END}")
    head, rest = text.split(BEGIN, 1)
    section = render(list(rows.values()), kept["environment"])
    with open(DOCUMENT, "w") as file:
        file.write(head + BEGIN + "\n" + section + "\n" + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
