"""Makes a run's figures of its rows alone: `summary.py RESULTS SUMMARY` compares them with those of the summary."""
import csv, json, math, sys

rows = [row for row in csv.DictReader(open(sys.argv[1])) if row["phase"] != "warmup" and row["fate"] != "unfinished"]
told = json.load(open(sys.argv[2]))
done = [row for row in rows if row["fate"] == "done"]
seed = told["run"]["settings"]["seed"]
rank = lambda percent, n: min(max(math.ceil(percent / 100 * n), 1), n) - 1
rounded = lambda value: math.floor(value * 1000 + 0.5) / 1000

def distribution(rows, column):
    values = sorted(float(row[column]) for row in rows if row[column])
    n, state, drawn = len(values), seed, {"p50": [], "p95": [], "p99": [], "mean": []}
    for _ in range(1000):
        sample = []
        for _ in range(n):  # SplitMix64
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
            sample.append(values[(z ^ z >> 31) * n >> 64])
        sample.sort()
        for percent in (50, 95, 99):
            drawn[f"p{percent}"].append(sample[rank(percent, n)])
        drawn["mean"].append(sum(sample) / n)
    mean = sum(values) / n
    figures = {"n": n, "min": values[0], "max": values[-1], "mean": mean}
    figures |= {f"p{percent}": values[rank(percent, n)] for percent in (50, 90, 95, 99)}
    figures["deviation"] = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    for name, all in drawn.items():
        figures[name + "_interval"] = [sorted(all)[rank(percent, 1000)] for percent in (2.5, 97.5)]
    return figures

def compare(where, found, told):
    for name, value in found.items():
        for one, other in zip(*[x if isinstance(x, list) else [x] for x in (value, told[name])], strict=True):
            # Sums of floats differ in their last digits, and so may the last one that is told.
            assert abs(rounded(one) - other) < 0.0015, (where, name, value, told[name])

figures = told["figures"]
assert (len(rows), len(done)) == (figures["files"], figures["fates"].get("done", 0))
assert abs(figures["error_rate"] - (len(rows) - len(done)) / len(rows)) < 1e-6
compare("end to end", distribution(done, "end_to_end_ms"), figures["end_to_end_ms"])
for hop in figures["hops"]:
    compare(hop["name"], distribution(done, hop["name"] + "_ms"), hop["ms"])
for size in figures["sizes"]:
    of_size = [row for row in done if row["lines"] == str(size["lines"])]
    compare(size["lines"], distribution(of_size, "end_to_end_ms"), size["end_to_end_ms"])
total = sum(float(row["end_to_end_ms"]) for row in done)
if told["run"]["settings"]["method"]["name"] in ("sequential", "cold"):
    assert abs(figures["files_per_s"] - len(done) / total * 1000) < 0.001
print(f"{len(done)} files, {len(figures['hops'])} hops: equal")
