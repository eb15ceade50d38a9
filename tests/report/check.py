"""Makes every number of a report again, with numpy: `check.py REPORT_DIR`, in the root of the repository.

Of report.json it believes labels, names of files, the reference, and units that a file and a month use on AWS. All else is of
the runs' rows, or where there are none of the file that has it. What has a key must be that value and show it, marks must be
where their axes have them, and no other number may stand anywhere, unless it is a fact that an input has.
"""
import csv, functools, itertools, json, math, re, sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as xml
import numpy as np

ROUNDS, Z = 1000, 1.96
LOAD, LINES_PER_FILE, STACK = 50e6, 1000.0, Path("stacks/log-pipeline.yaml")  # What `compare` takes unless it is told.
VOLUMES, CHANGES = {"1 M": 1e6, "10 M": 1e7, "100 M": 1e8, "1 B": 1e9, "10 B": 1e10}, (10, 25, 50)
HOPS = ["late", "upload", "put_to_trigger", "trigger", "send_to_worker", "processing", "row_to_seen"]
COMPONENTS = {"lambda": "Lambda", "s3": "S3", "sqs": "SQS", "dynamodb": "DynamoDB", "cloudwatch": "CloudWatch"}
NAMES = re.compile(r"\b(P50|P95|P99|S3|x86|arm64)\b")  # They have digits and are no numbers.
FAULTS: list[str] = []
fault = lambda *what: FAULTS.append(" ".join(map(str, what)))
load = lambda path: json.loads(Path(path).read_text())

# Statistics
micro = lambda x: math.copysign(math.floor(abs(x) * 1000 + 0.5), x) / 1000
rank = lambda percent, n: min(max(math.ceil(percent / 100 * n), 1), n) - 1
at = lambda values, percent=50: micro(sorted(values)[rank(percent, len(values))]) if values else None
ends = lambda of, column: {f"{of}/{end}": micro(np.sort(column)[rank(at, ROUNDS)]) for end, at in (("low", 2.5), ("high", 97.5))}
wilson = lambda share, n: (share + Z * Z / (2 * n) + Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))) / (1 + Z * Z / n)
# Carried along as the crate does it, so that what lies halfway is rounded to the same side.
mean = lambda values: micro(functools.reduce(lambda so_far, one: so_far + (one[1] - so_far) / one[0], enumerate(sorted(values), 1), 0.0))

def drawn(seed, *samples):
    """Each sample drawn again and sorted, ROUNDS times; in every round one after the other by one SplitMix64."""
    n, u = sum(map(len, samples)), np.uint64
    assert n <= 20_000, "of larger samples intervals are by a formula, which is not done here"
    z = u(seed) + np.arange(1, ROUNDS * n + 1, dtype=u) * u(0x9E3779B97F4A7C15)
    z = (z ^ (z >> u(30))) * u(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> u(27))) * u(0x94D049BB133111EB)
    z = (z ^ (z >> u(31))).reshape(ROUNDS, n)
    for values, own in zip(samples, np.split(z, np.cumsum([len(one) for one in samples]), axis=1)):
        of = u(len(values))  # The high half of a product of 128 bits.
        index = ((own >> u(32)) * of + (((own & u(0xFFFFFFFF)) * of) >> u(32))) >> u(32)
        yield np.sort(np.sort(np.array(values))[index.astype(int)], axis=1)

def mann_whitney(a, b):
    _, inverse, ties = np.unique(np.array(a + b), return_inverse=True, return_counts=True)
    n, m, all = len(a), len(b), len(a) + len(b)
    u = (np.cumsum(ties) - (ties - 1) / 2)[inverse][:n].sum() - n * (n + 1) / 2
    variance = n * m / 12 * (all + 1 - sum(int(k) ** 3 - int(k) for k in ties) / (all * (all - 1)))
    return min(math.erfc(max(abs(u - n * m / 2) - 0.5, 0) / math.sqrt(2 * variance)), 1) if variance > 0 else None

# What every number should be: its key → its kind and value. Kinds are `ms`, `%`, `$`, and `n` for all else.
putter = lambda all, of: lambda kind, found: all.update({f"{of}/{key}": (kind, float(v)) for key, v in found.items() if v is not None})
column = lambda rows, name="end_to_end_ms": [float(row[name]) for row in rows if row[name]]
is_cold = lambda row: "true" in (row["trigger_cold"], row["worker_cold"])

class Run:
    def __init__(self, told):
        self.label, self.files = told["label"], told["files"]
        self.summaries = [load(one.replace("/results_", "/summary_").replace(".csv", ".json")) for one in self.files]
        beside = lambda end: [one for one in self.files if one.endswith(end)]
        rows = lambda files: [row for file in files for row in csv.DictReader(open(file))]
        self.rows, self.cold, self.cycle = rows(self.files[:1]), rows(beside("_cold_latest.csv")), rows(beside("_cycle_latest.csv"))
        self.steps, facts = [step for file in beside("_ramp_latest.json") for step in load(file)["steps"]], self.summaries[0]["run"]
        self.product, self.method, self.seed = facts["product"]["name"], facts["settings"]["method"], facts["settings"]["seed"]
        self.way = [self.method.get(one) for one in ("name", "files_per_s", "files")]
        self.counted = [row for row in self.rows if row["phase"] != "warmup" and row["fate"] != "unfinished"]
        self.done = [row for row in self.counted if row["fate"] == "done"]
        self.points = {row["n"]: row for row in self.rows if row["fate"] == "done" and row["end_to_end_ms"]}
        self.sized = lambda *sizes: column([row for row in self.done if int(row["lines"]) in sizes])
        assert len(self.points) <= 1000, "of more files points are chosen, which is not done here"

def sustained(steps):
    """The highest rate at which nothing piled up: medians are no more than three times the shortest of slower ones."""
    steps = sorted((step for step in steps if step["sustained"]), key=lambda step: step["rate"])
    return max((one["rate"] for n, one in enumerate(steps) if one["p50_ms"] <= 3 * min(step["p50_ms"] for step in steps[: n + 1])), default=None)

def measured(run, first, sizes, numbers):
    put, done, failed, files = putter(numbers, f"run/{run.label}"), run.done, len(run.counted) - len(run.done), len(run.counted)
    own, before, every = run.sized(*sizes), first.sized(*sizes), column(done)
    comparable, gaps = run is not first and run.way == first.way and bool(own), column(done, "poll_gap_ms")
    again, pair = list(drawn(run.seed, own)), list(drawn(first.seed, before, own))
    for percent in (50, 95, 99) if own else ():
        name, of, value, base = f"p{percent}", rank(percent, len(own)), at(own, percent), at(before, percent)
        put("ms", {f"e2e/{name}": value} | ends(f"e2e/{name}", again[0][:, of]))
        if comparable:
            put("ms", {f"change/{name}/ms": value - base} | ends(f"change/{name}", pair[1][:, of] - pair[0][:, rank(percent, len(before))]))
            put("%", {f"change/{name}/percent": (value - base) / base * 100})
    begun = [(float(row["begun_ms"]), float(row["end_to_end_ms"])) for row in done if row["end_to_end_ms"]]
    took = sum(every) if run.method["name"] in ("sequential", "cold") or not every else max(map(sum, begun)) - min(begun)[0]
    far_out = 0
    for lines in sorted({int(row["lines"]) for row in run.counted}):
        size, here, other, rows = f"size/{lines}", run.sized(lines), first.sized(lines), [row for row in done if int(row["lines"]) == lines]
        put("n", {f"{size}/n": len(rows)})
        put("ms", {f"{size}/{part}": at(column(rows, part + "_ms")) for part in ("upload", "processing")})
        if here:
            far_out += len(here) >= 8 and sum(one > 4 * at(here, 75) - 3 * at(here, 25) for one in here)
            put("ms", ends(f"{size}/p50", next(drawn(run.seed, here))[:, rank(50, len(here))]) | {f"{size}/p50": at(here)})
            put("ms", {f"{size}/p95": at(here, 95), f"{size}/change": at(here) - at(other) if comparable and other else None})
    # How many files there are stands where it is why a percentile is the slowest of them; none of a kind stands nowhere.
    put("n", {"e2e/n": len(own) if own and rank(99, len(own)) == len(own) - 1 else None, "files": files, "failed_files": failed,
              "change/p_value": mann_whitney(before, own) if comparable else None, "far_out": far_out or None,
              "files_per_s": micro(len(every) / took * 1000) if every else None, "cold_files": sum(map(is_cold, run.rows)) or None,
              "redelivered": sum(float(row["receive_count"] or 0) > 1 for row in done), "cycle/n": len(run.cycle) or None,
              "without_hops": sum(not row["processing_ms"] for row in done) or None,
              "saturation": sustained(run.steps)})
    put("ms", {f"file/{n}": row["end_to_end_ms"] for n, row in run.points.items()} | {"poll/p50": at(gaps)})
    put("%", {"failed": failed / files * 100 if files else None, "failed/high": wilson(failed / files, files) * 100 if files else None,
              "poll/percent": at(gaps) / at(every) * 100 if gaps and every else None})
    of_cold = [row for row in run.cold if row["phase"] != "warmup" and row["fate"] == "done"]
    cold, warm = [row for row in of_cold if is_cold(row)], [row for row in of_cold if row["phase"] == "warm" and not is_cold(row)]
    put("n", {"cold/n": len(column(cold)), "cold/warm/n": len(column(warm))} if cold else {})
    put("ms", {"cold/difference": at(column(cold)) - at(column(warm)) if cold and warm else None, "cold/p50": at(column(cold)),
               "cold/warm/p50": at(column(warm)) if cold else None})
    put("ms", {f"cold/{of}_init": at(column(cold, of + "_init_ms")) for of in ("trigger", "worker")})
    # Late is only what should have begun at a moment.
    hops = {hop: mean(column(done, hop + "_ms")) for hop in HOPS[run.method["name"] not in ("rate", "ramp") :] if column(done, hop + "_ms")}
    total = sum(max(one, 0) for one in hops.values())
    put("ms", {f"hop/{hop}/mean": max(one, 0) for hop, one in hops.items() if total})
    put("%", {f"hop/{hop}/share": max(one, 0) / total * 100 for hop, one in hops.items() if total})
    if {"upload", "processing"} <= set(hops): parts(put, {"upload": hops["upload"], "processing": hops["processing"]}, mean(every))
    cycle = {name: at(column(run.cycle, name)) for name in ("first_up_ms", "no_op_ms", "code_change_ms", "down_ms") if run.cycle}
    change = cycle["code_change_ms"] + at(every) if cycle and every else None
    put("ms", {f"cycle/{name}": one for name, one in cycle.items()} | {"day/change": change})
    put("n", {f"day/{changes}": changes * change / 60_000 for changes in CHANGES if change})

def parts(put, known, total):
    known = known | {"queue_and_overhead": total - sum(known.values())}
    put("ms", {"mean": total} | {f"part/{name}/mean": value for name, value in known.items()})
    put("%", {f"part/{name}/share": value / total * 100 for name, value in known.items()})

def published(name, target, method, first, sizes, numbers):
    put, own, failed = putter(numbers, f"published/{name} (study)"), target["breakdown_ms"], target["failed"]
    for figure, value in target["end_to_end_ms"].items():
        put("ms", {f"e2e/{figure}": value})
        if first.method["name"] == "sequential" and method["one_by_one"] and sizes == method["lines"]:
            base = at(first.sized(*sizes), int(figure[1:]))
            put("ms", {f"change/{figure}/ms": value - base})
            put("%", {f"change/{figure}/percent": (value - base) / base * 100})
    files = method["files"] - method["of_them_warmup"]
    put("n", {"files": files, "failed_files": failed, "files_per_s": target["files_per_s"]})
    put("%", {"failed": failed / files * 100, "failed/high": wilson(failed / files, files) * 100})
    parts(put, {part: own[part] for part in ("upload", "processing")}, sum(own.values()))
    put("%", {f"hop/{part}/share": value / sum(own.values()) * 100 for part, value in own.items()})
    for end, seconds in zip(("from", "to"), target["deploy_cycle_s"]):
        put("n", {f"day/change/{end}": seconds} | {f"day/{changes}/{end}": changes * seconds / 60 for changes in CHANGES})

def parity(told, numbers):
    put, rows = putter(numbers, "parity/" + "/".join(side["label"] for side in told["sides"])), told["rows"]
    equal = sum(row["verdict"] == "equal" for row in rows)
    put("n", {"equal": equal, "all": len(rows)} | {f"unlike_aws/{at}": sum(bool(row["unlike_aws"][at]) for row in rows if row["group"] != "own") for at in (0, 1)}
        | {"played": sum(row["verdict"] != "skipped" for row in rows)})
    put("%", {"percent": equal / len(rows) * 100})

def cost(told, study, runs, prices, numbers):
    price = lambda item, units: units * prices[item]["usd"] / prices[item]["per"]
    component = lambda item: COMPONENTS.get(item.split("_")[0], "CloudWatch")
    memory_mb = lambda name: int(re.search(rf"^  {name}:\n(?:    .*\n)*?    memory: (\d+)MB", STACK.read_text(), re.M)[1])
    for (number, basis), chip in itertools.product(enumerate(told["bases"]), ("arm64", "x86_64")):
        put, uses = putter(numbers, f"cost/{basis['label']}/{chip}"), []
        for line in basis["arm64"]["bill"]:
            item, per_file, function = line["item"], line["per_file"], line["of"].removeprefix("functions.")
            if item.startswith("lambda_gb_s"):
                # What a run's functions took is of its rows; where nobody measured it, it is assumed.
                run, cold = next((run for run in runs if run.label == basis["label"]), None), function + "_cold"
                if run:  # Warm files of this size, and a new environment for one in a hundred.
                    warm = [row for row in run.done if row[cold] != "true" and int(row["lines"]) == LINES_PER_FILE]
                    init = column(run.rows, function + "_init_ms") or [100]
                    per_file = (mean(column(warm, function + "_billed_ms")) + mean(init) / 100) / 1000 * memory_mb(function) / 1024
                item = f"lambda_gb_s_{chip}"
            uses.append((item, per_file, line["per_month"]))
        def month(lines, of=""):
            units, sums, shown = Counter(), Counter(), COMPONENTS.values() if of else ["Lambda"]
            for item, per_file, per_month in uses:
                units[item] += (count := per_file * lines / LINES_PER_FILE + per_month)
                sums[component(item)] += price(item, count)
            logs = min(units["logs_gb"], prices["logs_gb"]["free"])  # What is free of logs is free once, taken in or kept.
            free = {item: prices[item]["free"] for item in units} | {"logs_gb_month": prices["logs_gb"]["free"] - logs}
            free = sum(price(item, max(count - free[item], 0)) for item, count in units.items())
            put("$", {of + "month": sum(sums.values()), of + "free": free} | {of + name: sums[name] for name in shown})
        month(LOAD)
        put("$", {"file": sum(price(item, per_file) for item, per_file, _ in uses)} if chip == "arm64" else {})
        if number or chip != "arm64": continue  # Line by line and over volumes is only the first.
        for at_line, (item, per_file, per_month) in enumerate(uses):
            put("n", {f"line/{at_line}/units": (units := per_file * LOAD / LINES_PER_FILE + per_month)})
            put("$", {f"line/{at_line}/usd": price(item, units)})
        for at_volume, lines in enumerate(VOLUMES.values()): month(lines, f"volume/{at_volume}/")
        # Each part is a straight line over volumes; of the places where two meet those count at which the largest changes.
        part = lambda name, end: sum(price(use[0], use[end]) for use in uses if component(use[0]) == name)
        straight = {name: (part(name, 2), part(name, 1)) for name in COMPONENTS.values()}
        largest = lambda lines: max(straight, key=lambda name: straight[name][0] + straight[name][1] * lines / LINES_PER_FILE)
        meet = [(a - c) / (d - b) * LINES_PER_FILE for (a, b), (c, d) in itertools.permutations(straight.values(), 2) if d > b]
        meet = sorted(one for one in meet if one > 0 and largest(one * (1 - 1e-9)) != largest(one * (1 + 1e-9)))
        put("n", {f"dominance/{at_meeting}": one for at_meeting, one in enumerate(meet, 1)})
    gb_s, writes, usd, events = (study[one] for one in ("gb_s", "dynamodb_usd_per_million_writes", "usd_per_file", "events_per_month"))
    file = {"lambda_gb_s_arm64": gb_s, "lambda_requests": study["functions"], "s3_puts": 1, "s3_gets": 1, "sqs_requests": 3}
    claims = [("n", study["gb_s_per_file"], gb_s), ("$", usd, sum(map(price, file, file.values())) + writes / 1e6),
              ("$", study["usd_per_month"], events * usd), ("$", study["usd_per_month"], events / LINES_PER_FILE * usd),
              ("$", writes, price("dynamodb_writes", 1e6))]
    for at_claim, (kind, says, value) in enumerate(claims if told["study"] else []):
        putter(numbers, f"cost/study/{at_claim}")(kind, {"says": says, "is": value})

# What is shown
SHOWN = re.compile(r"(?:median |mean )?(below )?([+−]?)(\$?)(\d+|\d{1,3}(?:,\d{3})+)(\.\d+)?(?: (ms|s|%|k|M|B|GB-s|files/s|of \d+))?")
said = lambda element: "".join(element.itertext())
has = lambda element, *names: bool(set(names) & set(element.get("class", "").split()))
every = lambda root, name: [one for one in root.iter() if has(one, name)]
digits = lambda one: one if isinstance(one, str) else f"{one:.6f}".rstrip("0").rstrip(".")
SCALES = {"s": 1e3, "k": 1e3, "M": 1e6, "B": 1e9}

def tokens(*all):  # The numbers in texts, written out and sorted.
    text = NAMES.sub("", " ".join(map(digits, all)))
    text = re.sub(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda one: one[0].replace(",", ""), text)
    text = re.sub(r"(\d[\d.]*) ([kMB])\b", lambda one: digits(float(one[1]) * SCALES[one[2]]), text)
    return sorted(re.findall(r"\d+(?:[.:-]\d+)*", text))

def shows(text, kind, value):
    """Is it this value, rounded to the digits that are there, and with its unit?"""
    if not (match := SHOWN.fullmatch(text)): return False
    below, sign, dollar, whole, fraction, unit = match.groups()
    shown, scale = float(whole.replace(",", "") + (fraction or "")), SCALES.get(unit, 1)
    if (unit or "").startswith("of "): return kind == "%" and abs(shown / float(unit[3:]) * 100 - value) < 1e-6
    if kind != ("$" if dollar else {"ms": "ms", "s": "ms", "%": "%"}.get(unit, "n")) or below:
        return bool(below) and kind == "n" and value < shown
    # Before k, M and B zeros at the end are left out of two digits.
    places = 2 if unit in ("k", "M", "B") else len(fraction or ".") - 1
    return abs((-shown if sign == "−" else shown) * scale - value) <= scale * 0.5 * 10**-places * (1 + 1e-6)

def number(element, numbers):
    key, value, text = element.get("data-of"), float(element.get("value") or element.get("data-value")), said(element)
    if key not in numbers: return fault(f"{key}: unknown")
    kind, expected = numbers[key]
    if abs(value - expected) > 1e-6 * abs(expected) + 1e-12: fault(f"{key}: the value is {value} and should be {expected}")
    if has(element, "mark"):
        name, _, text = text.rpartition(": ")
        label, held = key.split("/")[1], lambda text: set(re.findall(r"\d+", text.replace(",", "")))
        if not name.startswith(label + ", ") or not held(name.removeprefix(label)) <= held(key):
            fault(f"{key}: the title `{name}` is of something else")
    if not shows(text, kind, expected): fault(f"{key}: shown is `{text}`, and it should be {expected} ({kind})")

def loose(element, labels):
    """Texts that have no key, and are no fact, no tick and no label of a chart; titles are looked at with their marks."""
    if "data-of" in element.attrib or has(element, "fact", "tick") or (element.tag, said(element)) in labels: return
    yield element.text or ""
    for child in element:
        yield from loose(child, labels)
        yield child.tail or ""

def axis(group):
    (low, high), (begin, end) = (map(float, group.get(f"data-{one}").split()) for one in ("domain", "range"))
    of, along, ticks = math.log if group.get("data-scale") == "log" else float, group.get("data-along"), every(group, "tick")
    scale = lambda value: begin + (of(value) - of(low)) / (of(high) - of(low)) * (end - begin)
    for text, line in zip(ticks, every(group, "grid"), strict=True):
        value, shown = float(text.get("data-value")), float(said(text).replace(",", ""))
        off = [float(text.get(along)) - 3.5 * (along == "y") - scale(value), float(line.get(along + "1")) - scale(value)]
        if max(map(abs, off)) > 0.02 or abs(shown - value) > 0.0005 or not low * (1 - 1e-6) <= value <= high * (1 + 1e-6):
            fault(f"axis {group.get('data-axis')}: the tick {value} is called `{shown}`, off by {off}")
    return scale, along, (low, high), of is float and low == 0

def placed(chart, svg, numbers):
    """Is every mark, and every line of an interval or a median, where its value is?"""
    axes, end = {group.get("data-axis"): axis(group) for group in every(svg, "axis")}, Counter()
    columns = {said(one).replace(",", ""): float(one.get("x")) for one in every(svg, "tick") if "data-value" not in one.attrib}
    marks, whiskers, medians = every(svg, "mark"), every(svg, "whisker"), every(svg, "median")
    for mark in marks:
        key, value = mark.get("data-of"), float(mark.get("data-value"))
        scale, along, (low, high), from_zero = axes[mark.get("data-axis")]
        if mark.tag == "rect":  # Parts of a whole begin where the one before ends, others at zero.
            x, y, width = (float(mark.get(one)) for one in ("x", "y", "width"))
            off = [x - scale(end[y]), width - scale(value) + scale(0), 0 if from_zero else 99]
            end[y] += value if chart == "breakdown" else 0
        else:
            x, y = map(float, re.fullmatch(r"translate\(([\d.]+),([\d.]+)\)", mark.get("transform")).groups())
            off = [(x if along == "x" else y) - scale(value), x - axes["n"][0](float(key.split("/")[3])) if chart == "timeline" else 0]
            off += [99] if columns and min(columns, key=lambda one: abs(columns[one] - x)) != key.split("/")[3] else []
        if max(map(abs, off)) > 0.02 or not low <= value <= high: fault(f"{chart}: {key}, {value}, is not where it should be: off by {off}")
    keys = [mark.get("data-of") for mark in marks]
    if set(columns) != {key.split("/")[3] for key in keys if chart == "sizes"}: fault(f"{chart}: its columns are {sorted(columns)}")
    lanes = dict.fromkeys("/".join(key.split("/")[:2]) + "/e2e/p50" for key in keys if chart == "distribution")
    lines = [(line, "x1", "ms", key) for line, key in zip(medians, lanes, strict=True)]
    if chart == "sizes":
        ways = itertools.product(zip(whiskers, keys, strict=True), (("y1", "/low"), ("y2", "/high")))
        lines = [(line, end, "ms", key + of) for (line, key), (end, of) in ways]
    if chart == "throughput":  # Two lines each: the second stands across the end of the first.
        failed = [key + "/high" for key in keys if key.endswith("failed")]
        lines = [(line, "x2", "errors", key) for line, key in zip(whiskers[::2], failed, strict=True)]
    ways, places = " ".join(one.get("points") for one in every(svg, "way")).split(), [one.get("transform", "")[10:-1] for one in marks]
    if ways and ways != places: fault(f"{chart}: its lines are not from mark to mark")
    for line, end, of, key in lines:
        if abs(float(line.get(end)) - axes[of][0](numbers[key][1])) > 0.02: fault(f"{chart}: a line is not where {key} should be")

def charts(root, directory, runs, numbers):
    keys = lambda pattern: [key for key in numbers if re.fullmatch(pattern.replace("OF", "(run|published)/[^/]*"), key)]
    points = [(f"run/{run.label}/file/{n}", is_cold(row), row["phase"] == "warmup") for run in runs for n, row in run.points.items()]
    data = {"percentiles": keys("OF/e2e/p\\d+"), "timeline": [key for key, *_ in points],
            "distribution": [key for key, _, warmup in points if not warmup] + keys("published/[^/]*/e2e/p\\d+"),
            "throughput": keys("OF/(files_per_s|saturation)") + [key for key in keys("OF/failed") if numbers[key[:-6] + "files"][1]],
            "sizes": keys("run/[^/]*/size/\\d+/p50"), "breakdown": keys("OF/hop/[^/]*/share")}
    found, files = {svg.get("data-chart"): svg for svg in root.iter("svg")}, sorted(file.stem for file in directory.glob("*.svg"))
    if not sorted(found) == files == sorted(filter(data.get, data)) or len(files) != len(root.findall(".//svg")):
        fault(f"charts: the page has {sorted(found)}, the directory {files}")
    for name, svg in found.items():
        marks, wanted = Counter(mark.get("data-of") for mark in every(svg, "mark")), Counter(data[name])
        if marks != wanted or int(svg.get("data-rows")) != marks.total():
            differ = f"not in both: {sorted(marks - wanted | wanted - marks)}"
            fault(f"{name}: {marks.total()} marks, said to be {svg.get('data-rows')}, of {wanted.total()} rows;", differ)
        looks = [(mark.get("data-of"), has(mark, "cold"), has(mark, "hollow")) for mark in every(svg, "mark") if name == "timeline"]
        if looks and looks != [(key, cold, warmup and not cold) for key, cold, warmup in points]: fault("timeline: cold starts or warm-ups")
        placed(name, svg, numbers)
        # The file is the same drawing, with a style and a width of its own.
        plain = lambda root: [(one.tag.split("}")[-1], one.attrib, one.text) for one in root.iter() if not one.tag.endswith("style")]
        file = xml.parse(directory / f"{name}.svg").getroot()
        if not file.attrib.pop("width", None) or plain(file) != plain(svg): fault(f"{name}.svg is not the drawing of the page")

def facts(root, runs, exact, inputs):
    """Beside the label of a run the numbers of a fact are together something of how it was made, else one of `inputs`."""
    known = {None: inputs} | {run.label: [] for run in runs}
    for run, summary, of in ((run, one, one.get("run", one)) for run in runs for one in run.summaries):
        method, sizes, seed = (of.get("settings", {}).get(name, none) for name, none in (("method", {}), ("sizes", []), ("seed", "")))
        in_s = [value / (1000 if name.endswith("_ms") else 1) for name, value in method.items() if name != "name"]
        as_it_is, times = [value for name, value in method.items() if name != "name"], summary.get("times", "")
        made = [[*in_s, *sizes], [*as_it_is, *sizes, seed], as_it_is, *([one] for one in sizes), [of.get("began_at", "")[:16]], [times],
                [of["product"]["version"] or ""], [of["machine"]["processors"], of["machine"]["processor"] or ""]]
        made += [[str(one[name]) for one in of.get("functions", {}).values() for name in ("memory_mb", "architecture")]]
        known[run.label] += [tokens(*one) for one in made]
    rows = [every(row, "fact") for row in root.iter() if row.tag in ("tr", "li")]
    beside = {fact: next((said(one) for one in row if said(one) in known), None) for row in rows for fact in row}
    for element in (all := every(root, "fact")):
        label = beside.get(element)
        for line in said(element).split("\n"):
            if line.startswith("# "): label, line = line[2:].split(": ")  # Commands, run by run.
            if tokens(line) and tokens(line) not in known[label] and line not in exact: fault(f"no input of {label} has the fact `{line}`")
    return len(all)

def words(root, numbers, first):
    """Rows that are of what they say, and words that follow from numbers: what is real, what is most, which is for what."""
    value = lambda key: numbers.get(key, (0, 0.0))[1]
    for row in root.iter("tr"):
        keys, cells, names = [one.get("data-of") for one in row.findall(".//data[@data-of]")], [said(one) for one in row], set(map(said, every(row, "fact")))
        for key in keys:
            (of, label, *rest), beside = key.split("/"), lambda end: value(key.rpartition("/")[0] + "/" + end)
            other = NAMES.fullmatch(cells[0]) and cells[0].lower() not in rest or rest[0] == "size" and rest[1] not in names
            if of in ("run", "published") and (label not in names or other): fault(f"{key}: in the row of {cells[:2]}")
            word = expected = cells[-1]
            if "change" in rest and rest[-1] == "ms":
                # Of the slowest alone, or of a few, drawing again tells nothing.
                ns = [int(numbers[of_n][1]) for of_n in (f"run/{label}/e2e/n", f"run/{first}/e2e/n") if of_n in numbers]
                few = any(n < 8 or rank(int(rest[1][1:]), n) == n - 1 for n in ns)
                expected = "not known" if of == "published" or few else "yes" if beside("low") > 0 or beside("high") < 0 else "no"
            elif "volume" in rest and rest[-1] == "month": expected = max(COMPONENTS.values(), key=beside)
            elif label == "study":  # To two percent; of a file to its one digit.
                follows = [abs(beside("says") - beside("is")) <= 0.02 * beside("is"), f"{beside('says'):.0e}" == f"{beside('is'):.0e}"]
                word, expected = cells[3], "yes" if follows[rest[0] == "1"] else "no"
            if word != expected: fault(f"{key}: `{word}` and not `{expected}` does not follow from it")
    for item, key in ((item, one.get("data-of")) for item in root.iter("li") for one in item.findall(".//data[@data-of]")):
        if key.endswith("p_value") and (" differs from " in said(item)) != (value(key) < 0.05): fault(f"{key}: `{said(item)}`")
        slowest = [f"P{at}" for at in (50, 90, 95, 99) if key.endswith("e2e/n") and rank(at, int(value(key))) == value(key) - 1]
        if slowest and slowest[0] not in said(item): fault(f"{key}: `{said(item)}`")
    for box in every(root, "verdict"):
        keys, answer = [one.get("data-of") for one in box.findall(".//data[@data-of]")], re.split(", | and ", said(every(box, "answer")[0]))
        of = lambda pattern, sign=1: {match[1]: sign * value(match[0]) for match in (re.fullmatch(pattern, key) for key in keys) if match}
        unlike = {key.split("/")[1 + int(key[-1])]: value(key) for key in keys if "/unlike_aws/" in key}
        least = [one for all in (of("run/([^/]*)/day/change"), of("run/([^/]*)/saturation", -1), unlike) for one in all if all[one] == min(all.values())]
        near = [label for label, ratio in of("ratio/[^/]*/(.*)").items() if 0.8 <= ratio <= 1.25]
        if answer != (least or near or ["none but AWS itself" if keys else "not decided"]):
            fault(f"verdict `{said(box)}`: it should be {least or near}")

def main(directory):
    report, study, prices = map(load, (directory / "report.json", "docs/baselines/study-2025-12.json", "src/cost/prices/us-east-1.json"))
    runs, matrices, numbers = [Run(told) for told in report["runs"]], [load(one["file"]) for one in report["parity"]], {}
    first = next(run for run in runs if run.label == report["reference"])
    sizes = sorted(set.intersection(*({int(row["lines"]) for row in run.done} for run in runs if run.done)))
    claims, targets, costs = study["cost"], study["targets"] if report["baseline"] else {}, report["cost"] or dict(bases=[], study=[])
    claims["gb_s"] = claims["functions"] * claims["memory_mb"] / 1024 * claims["seconds"]
    for run in runs: measured(run, first, sizes, numbers)
    for name, target in targets.items(): published(name, target, study["method"], first, sizes, numbers)
    for matrix in matrices: parity(matrix, numbers)
    cost(costs, claims, runs, prices["items"], numbers)
    aws = next((f"run/{run.label}" for run in runs if run.product == "aws"), "published/aws (study)")
    median = lambda of: numbers.get(of + "/e2e/p50", (0, 0.0))[1]
    emulators = [run.label for run in runs if run.product != "aws" and median(aws) and median(f"run/{run.label}")]
    putter(numbers, "ratio/" + aws.split("/")[1])("n", {label: median(aws) / median(f"run/{label}") for label in emulators})
    # Of the page everything is closed that was opened, so that it is XML, too.
    page = (directory / "report.html").read_text()
    root = xml.fromstring(page[page.index("<body>") : page.index("</html>")].replace(' xmlns="http://www.w3.org/2000/svg"', ""))
    labels, keyed = {run.label for run in runs} | {f"{name} (study)" for name in targets}, root.findall(".//*[@data-of]")
    for element in keyed: number(element, numbers)
    for key in sorted(numbers.keys() - {one.get("data-of") for one in keyed}): fault(f"{key}: nowhere on the page")
    spoken = [re.sub("|".join(map(re.escape, sorted(labels, key=len)[::-1])), "", one.get("aria-label", "")) for one in root.iter()]
    for text in [*loose(root, {("text", label) for label in labels}), *spoken]:
        if re.search(r"\d", NAMES.sub("", text)): fault(f"a number that does not say what it is: `{text}`")
    charts(root, directory, runs, numbers)
    words(root, numbers, report["reference"])
    # As they are: names, what usage.rs says of its constants, volumes, and what this program was told.
    exact = labels.union(*(run.files for run in runs), (one["file"] for one in report["parity"]), VOLUMES, map(str, CHANGES), study["caveats"])
    exact |= {"95 %", study["source"]} | {line["how"] for basis in costs["bases"] for line in basis["arm64"]["bill"]}
    exact |= {row[one] for matrix in matrices for row in matrix["rows"] for one in ("name", "title")}
    # Of the study: how it measured, and its arithmetic; its month is right with other files; since a day writes cost the half.
    of, (usd, events, mb) = study["method"], (claims[one] for one in ("usd_per_file", "events_per_month", "memory_mb"))
    inputs = [[LOAD], [LINES_PER_FILE], [prices["as_of"]], [prices["region"], prices["as_of"]], [claims["functions"], mb, 1024, claims["seconds"]],
              [*of["lines"], of["iterations"], of["of_them_warmup"], of["pause_ms"], of["poll_ms"]], [mb, mb / 1024, mb], ["2024-11-01", prices["region"]],
              [claims["gb_s"], claims["functions"]], [events, usd], [events, LINES_PER_FILE, usd], [events * usd / claims["usd_per_month"]]]
    told = facts(root, runs, exact, [tokens(*one) for one in inputs])
    plain = lambda text: re.sub(r"\\([][\\|*_`~])", r"\1", text.strip()).replace("&lt;", "<").replace("&amp;", "&")
    tables = [line for line in (directory / "report.md").read_text().splitlines() if re.match(r"\|(?![|:-]+$)", line)]
    tables = [[plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in tables]
    for one, other in itertools.zip_longest([[said(cell).strip() for cell in row] for row in root.iter("tr")], tables):
        if one != other: fault(f"report.md has {other}, the page {one}")
    marks = len(every(root, "mark"))
    if len(keyed) - marks < 500 or marks < 200 or told < 200: fault("is that a report?")
    print(*FAULTS[:50], f"{len(keyed) - marks} numbers, {marks} marks, {told} facts: {f'{len(FAULTS)} faults' if FAULTS else 'all made again'}", sep="\n")
    return bool(FAULTS)

if __name__ == "__main__": sys.exit(main(Path(sys.argv[1])))
