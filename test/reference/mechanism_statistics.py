"""The statistics of src/mechanism/definitions.ts from materialised attention and routing, in f64.

Independent of the project's TypeScript and WGSL: every attention weight is looked at one by one, so only for short
sequences. `measure` gives one subject of a mechanism document (docs/mechanism-json.md).
"""
import math

import torch

SINK = 4
THRESHOLDS = [16, 64, 256]
BINS = 16


def query_positions(item, queries):
    wanted = ("rationale", "answer")
    return [t for t in range(1, len(item["ids"])) if queries == "all" or item["roles"][t] in wanted]


def tokens_in(item, role):
    return {t for p in item["evidence"] if p["role"] == role for t in range(p["start"], p["end"])}


def copy_steps(item):
    gold = {item["ids"][t] for t in tokens_in(item, "gold")}
    ids, roles = item["ids"], item["roles"]
    return [t for t in range(len(ids) - 1) if roles[t + 1] == "answer" and ids[t + 1] in gold]


def histogram_bins(tokens):
    return 1 + math.ceil(math.log2(max(tokens, 2)))


def of_query(row, i, window):
    """Statistics of one query from its attention row (f64, zero where unseen)."""
    keys = torch.arange(i + 1, dtype=torch.float64)
    a = row[: i + 1]
    distance = float((a * (i - keys)).sum())
    beyond = float(a[SINK:].sum())
    entropy = float(-(a[a > 0] * a[a > 0].log()).sum())
    visible = min(i + 1, window) if window else i + 1
    return {
        "meanDistance": distance,
        "sinkExcludedDistance": float((a * (i - keys))[SINK:].sum()) / beyond if beyond > 0 else None,
        "relativeDistance": distance / i,
        "entropy": entropy,
        "normalizedEntropy": entropy / math.log(visible) if visible > 1 else 0.0,
        "sinkMass": float(a[:SINK].sum()),
    }


class Mean:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def add(self, value, count=1):
        if value is not None:
            self.sum += value
            self.count += count

    def value(self):
        return self.sum / self.count if self.count else None


def attention_rows(records, items, queries, config, window_of):
    heads = config["num_attention_heads"]
    rows, mass, density = [], [[] for _ in items], [[] for _ in items]
    longest = max(len(item["ids"]) for item in items)
    for layer in range(config["num_hidden_layers"]):
        for head in range(heads):
            pooled, per_item = {}, {}
            far = [Mean() for _ in THRESHOLDS]
            far_of_items = [[] for _ in THRESHOLDS]
            histogram = [Mean() for _ in range(histogram_bins(longest))]
            for n, (item, record) in enumerate(zip(items, records)):
                weights = record["attention"][layer][head]
                own = {}
                count = len(item["ids"])
                pieces = [Mean() for _ in item["evidence"]]
                bins = [Mean() for _ in range(BINS)]
                own_far = [Mean() for _ in THRESHOLDS]
                spans = {role: sorted(tokens_in(item, role)) for role in ("gold", "distractor")}

                def add(name, value, times=1):
                    for table in (pooled, own):
                        table.setdefault(name, Mean()).add(value, times)

                for i in query_positions(item, queries):
                    row = weights[i]
                    for name, value in of_query(row, i, window_of(layer)).items():
                        add(name, value)
                    for role, name in (("gold", "goldMass"), ("distractor", "distractorMass")):
                        if any(p["role"] == role for p in item["evidence"]):
                            add(name, float(row[spans[role]].sum()) if spans[role] else 0.0)
                    for means in zip(far, own_far, THRESHOLDS):
                        for mean in means[:2]:
                            mean.add(float(row[: max(i - means[2], 0)].sum()))
                    for b, mean in enumerate(histogram):
                        low, high = (0, 0) if b == 0 else (2 ** (b - 1), 2**b - 1)
                        mean.add(float(row[max(i - high, 0) : max(i - low + 1, 0)].sum()))
                    for mean, p in zip(pieces, item["evidence"]):
                        mean.add(float(row[p["start"] : p["end"]].sum()))
                    for b, mean in enumerate(bins):
                        mean.add(float(row[b * count // BINS : (b + 1) * count // BINS].sum()))
                steps = copy_steps(item)
                gold = tokens_in(item, "gold")
                for t in steps:
                    best = int(weights[t][: t + 1].argmax())
                    add("retrievalScore", 1.0 if best in gold and item["ids"][best] == item["ids"][t + 1] else 0.0)
                for values, mean in zip(far_of_items, own_far):
                    values.append(mean.value())
                for name, mean in own.items():
                    per_item.setdefault(name, [None] * len(items))[n] = mean.value()
                mass[n] += [mean.value() for mean in pieces]
                density[n] += [mean.value() for mean in bins]
            rows.append({
                "layer": layer,
                "head": head,
                **{name: mean.value() for name, mean in pooled.items()},
                "longRangeMass": [mean.value() for mean in far],
                "distanceHistogram": [mean.value() for mean in histogram],
                "perItem": {**per_item, "longRangeMass": far_of_items},
            })
    return rows, mass, {"bins": BINS, "perHead": True, "values": density}


def share(chosen, gate, tokens, expert):
    if not tokens:
        return {"frequency": None, "weight": None}
    hits = [gate[t][expert] for t in tokens if expert in chosen[t]]
    return {"frequency": len(hits) / len(tokens), "weight": sum(hits) / len(tokens)}


def entropy_of(p):
    return -sum(x * math.log(x) for x in p if x > 0)


def normalised(values):
    total = sum(values)
    return [v / total for v in values]


def routing_rows(records, items, queries, config, moe_layers, base):
    experts, k = config["num_experts"], config["num_experts_per_tok"]
    rows, summaries = [], []
    kinds = sorted({item["kind"] for item in items})
    for n_layer, layer in enumerate(moe_layers):
        chosen, gate, where, choices = [], [], [], []
        router_entropy = Mean()
        saturation = Mean()
        for n, (item, record) in enumerate(zip(items, records)):
            asked = set(query_positions(item, queries))
            gold, distractor = tokens_in(item, "gold"), tokens_in(item, "distractor")
            indices = record["router_indices"][n_layer].tolist()
            weights = record["router_weights"][n_layer].tolist()
            full = torch.softmax(record["router_logits"][n_layer], -1)
            for t in range(len(item["ids"])):
                chosen.append(set(indices[t]))
                gate.append(dict(zip(indices[t], weights[t])))
                choices.append(indices[t])
                evidence = "gold" if t in gold else "distractor" if t in distractor else None
                where.append((n, item["kind"], item["roles"][t], evidence, t in asked))
                if t in asked:
                    router_entropy.add(float(-(full[t] * full[t].log()).sum()))
                    if base is not None:
                        before = set(base[n]["router_indices"][n_layer][t].tolist())
                        saturation.add(len(before & chosen[-1]) / k)
        def tokens(test):
            return [t for t, about in enumerate(where) if test(about)]
        q = tokens(lambda w: w[4])
        layer_rows = []
        for e in range(experts):
            of = lambda test: share(chosen, gate, tokens(test), e)  # noqa: E731
            items_of = [of(lambda w, n=n: w[4] and w[0] == n) for n in range(len(items))]
            layer_rows.append({
                "layer": layer,
                "expert": e,
                **share(chosen, gate, q, e),
                "perItem": {name: [s[name] for s in items_of] for name in ("frequency", "weight")},
                "byKind": {kind: of(lambda w, kind=kind: w[4] and w[1] == kind) for kind in kinds},
                "byTokenRole": {
                    role: of(lambda w, role=role: w[2] == role)
                    for role in ("context", "question", "rationale", "answer", "template")
                },
                "byEvidenceRole": {role: of(lambda w, role=role: w[3] == role) for role in ("gold", "distractor")},
            })
        rows += layer_rows
        frequency = [row["frequency"] for row in layer_rows]
        all_pairs = [[0.0] * experts for _ in range(experts)]
        neighbours = [[0.0] * experts for _ in range(experts)]
        for t in q:
            for a, i in enumerate(choices[t]):
                for b, j in enumerate(choices[t]):
                    all_pairs[i][j] += 1 / len(q)
                    if abs(a - b) < 2:
                        neighbours[i][j] += 1 / len(q)
        divergence = []
        for x, a in enumerate(kinds):
            for b in kinds[x + 1 :]:
                p = normalised([row["byKind"][a]["frequency"] for row in layer_rows])
                r = normalised([row["byKind"][b]["frequency"] for row in layer_rows])
                middle = [(u + v) / 2 for u, v in zip(p, r)]
                divergence.append({"a": a, "b": b, "value": entropy_of(middle) - (entropy_of(p) + entropy_of(r)) / 2})
        pairs = sum(abs(x - y) for x in frequency for y in frequency)
        summaries.append({
            "layer": layer,
            "gini": pairs / (2 * experts * sum(frequency)),
            "maxOverMean": max(frequency) / (k / experts),
            "effectiveExperts": math.exp(entropy_of(normalised(frequency))),
            "routerEntropy": router_entropy.value(),
            "saturationAgainstBase": saturation.value(),
            "kindDivergence": divergence,
            "coActivation": sum(all_pairs, []),
            "coActivationRankAdjacent": sum(neighbours, []),
        })
    return rows, summaries


def measure(name, kind, model, items, queries, moe_layers, base=None):
    """A subject of the document, and the records of its passes (the base's are what saturation is taken against)."""
    records = []
    for item in items:
        record = {}
        model.forward(torch.tensor(item["ids"]), record=record)
        records.append(record)
    config = model.config
    window_of = lambda layer: config["sliding_window"] if model.slides(layer) else 0  # noqa: E731
    attention, mass, density = attention_rows(records, items, queries, config, window_of)
    routing, summaries = routing_rows(records, items, queries, config, moe_layers, base) if moe_layers else ([], [])
    subject = {
        "name": name,
        "kind": kind,
        "attention": attention,
        "routing": routing,
        "routerSummary": summaries,
        "evidenceMass": mass,
        "density": density,
    }
    return subject, records
