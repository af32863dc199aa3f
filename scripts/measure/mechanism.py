#!/usr/bin/env python3
"""Attention and routing statistics of a model that no browser tab can hold, as the JSON that the workbench's charts open.

    acc mechanism --model DIR --data examples.jsonl --items items.jsonl          # tokens, once, on any machine
    torchrun --nproc-per-node N mechanism.py measure --model DIR --items items.jsonl --out PARTS [--adapter DIR ...]
    mechanism.py merge PARTS --out mechanism.json

`measure` runs the model as transformers loads it (device_map="auto": over all GPUs of a process) and writes one file of
sums for each rank; every rank takes its share of the items. `merge` makes the document of all ranks; it needs no
PyTorch. With --reference the model is the plain one of test/reference/qwen3.py: slow, exact, for tests.
"""
import argparse
import glob
import hashlib
import json
import math
import os
import sys

HEAD_NUMBERS = 8
ATTENTION_COLUMNS = {"meanDistance": 0, "sinkExcludedDistance": 1, "relativeDistance": 2, "entropy": 3, "normalizedEntropy": 4}
ROLE_CLASSES = {"template": [0], "context": [1, 2, 3], "question": [4], "rationale": [5], "answer": [6]}
QUERY_CLASS = 7
MOST_DENSITY_NUMBERS = 2_000_000


def read_items(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def adapter_hash(path):
    """SHA-256 of an adapter's settings (keys sorted, no blanks) and weights, as the workbench names adapters."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        # JavaScript has one kind of number: 0.0 is written 0.
        return int(value) if isinstance(value, float) and value.is_integer() else value

    with open(os.path.join(path, "adapter_config.json"), encoding="utf-8") as file:
        config = plain(json.load(file))
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(text.encode())
    with open(os.path.join(path, "adapter_model.safetensors"), "rb") as file:
        digest.update(file.read())
    return digest.hexdigest()


# --- measuring ---------------------------------------------------------------------------------------------------


class TransformersModel:
    """Any causal language model of transformers whose attention goes through its attention interface."""

    def __init__(self, path, adapters, attention):
        import torch
        import transformers

        self.torch = torch
        self.sink = None
        inner = transformers.modeling_utils.ALL_ATTENTION_FUNCTIONS[attention]

        def measured(module, query, key, value, attention_mask, *rest, **named):
            if self.sink is not None:
                window = named.get("sliding_window") or None
                scale = named.get("scaling") or query.shape[-1] ** -0.5
                self.sink.attention(module.layer_idx, query[0], key[0], scale, window)
            return inner(module, query, key, value, attention_mask, *rest, **named)

        transformers.AttentionInterface.register("acc_measured", measured)
        masks = transformers.masking_utils.ALL_MASK_ATTENTION_FUNCTIONS
        transformers.AttentionMaskInterface.register("acc_measured", masks[attention])
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            path, torch_dtype="auto", device_map="auto", attn_implementation="acc_measured"
        ).eval()
        self.config = self.model.config
        self.names = {"base": None}
        if adapters:
            import peft

            for index, adapter in enumerate(adapters):
                name = f"adapter{index}"
                if index == 0:
                    self.model = peft.PeftModel.from_pretrained(self.model, adapter, adapter_name=name)
                else:
                    self.model.load_adapter(adapter, adapter_name=name)
                self.names[adapter] = name
        for name, module in self.model.named_modules():
            # The router of Qwen3-MoE is `layers.N.mlp.gate` with a weight [E, C], a linear layer or not.
            if name.endswith(".mlp.gate") and getattr(module, "weight", None) is not None:
                layer = int(name.split(".layers.")[1].split(".")[0])
                module.register_forward_pre_hook(lambda gate, inputs, layer=layer: self.routed(layer, gate, inputs[0]))

    def routed(self, layer, gate, hidden):
        if self.sink is None:
            return
        torch = self.torch
        rows = hidden.reshape(-1, hidden.shape[-1]).float()
        logits = torch.nn.functional.linear(rows, gate.weight.float())
        self.sink.router(layer, logits, self.config.num_experts_per_tok, self.config.norm_topk_prob)

    def shape(self):
        config = self.config
        experts = getattr(config, "num_experts", None) or None
        return {
            "layers": config.num_hidden_layers,
            "heads": config.num_attention_heads,
            "kvHeads": config.num_key_value_heads,
            "experts": experts,
            "expertsPerToken": config.num_experts_per_tok if experts else None,
        }

    def run(self, ids, sink, subject):
        torch = self.torch
        self.sink = sink
        model = self.model
        try:
            with torch.no_grad():
                device = next(model.parameters()).device
                tokens = torch.tensor([ids], device=device)
                name = self.names[subject]
                if name:
                    model.set_adapter(name)
                plain = model.disable_adapter() if len(self.names) > 1 and not name else open(os.devnull)
                with plain:
                    # Without the head: logits of all positions would be larger than the model.
                    bare = model.get_base_model() if len(self.names) > 1 else model
                    bare.get_decoder()(input_ids=tokens, use_cache=False)
        finally:
            self.sink = None


class ReferenceModel:
    """The plain PyTorch model that witnesses the workbench's own engine."""

    def __init__(self, path, adapters):
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "test", "reference"))
        import qwen3
        import safetensors_file
        import torch

        self.torch, self.qwen3 = torch, qwen3
        torch.set_num_threads(1)
        with open(os.path.join(path, "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)
        weights = {}
        for name in sorted(glob.glob(os.path.join(path, "*.safetensors"))):
            weights.update(safetensors_file.load(name))
        self.weights = {name: tensor.float() for name, tensor in weights.items()}
        self.adapters = {"base": {}}
        for adapter in adapters:
            self.adapters[adapter] = self.lora(adapter, safetensors_file)

    def lora(self, path, safetensors_file):
        """A PEFT adapter in its per-module form, by the name of the layer that it is added to."""
        with open(os.path.join(path, "adapter_config.json"), encoding="utf-8") as file:
            config = json.load(file)
        tensors = safetensors_file.load(os.path.join(path, "adapter_model.safetensors"))
        prefix, layers = "base_model.model.", {}
        for name, a in tensors.items():
            if name.endswith(".lora_A.weight"):
                module = name[len(prefix) : -len(".lora_A.weight")]
                b = tensors[f"{prefix}{module}.lora_B.weight"]
                rank = a.shape[0]
                scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
                layers[module] = (a.float(), b.float(), scale)
        return layers

    def shape(self):
        config = self.config
        experts = config.get("num_experts") or None
        return {
            "layers": config["num_hidden_layers"],
            "heads": config["num_attention_heads"],
            "kvHeads": config["num_key_value_heads"],
            "experts": experts,
            "expertsPerToken": config["num_experts_per_tok"] if experts else None,
        }

    def run(self, ids, sink, subject):
        torch, qwen3, config = self.torch, self.qwen3, self.config
        model = qwen3.Qwen3(config, self.weights, self.adapters[subject])
        attention, moe = model.attention, model.moe

        def measured(x, name, layer, positions, segments, record):
            dim, eps = config["head_dim"], config["rms_norm_eps"]
            inverse, factor = qwen3.rope_inverse_frequencies(config, x.dtype)
            angles = positions.to(x.dtype)[:, None] * inverse[None, :]
            cos, sin = ((torch.cat((angles, angles), -1).cos() * factor)[:, None], (torch.cat((angles, angles), -1).sin() * factor)[:, None])
            turned = []
            for which in ("q", "k"):
                rows = model.linear(x, f"{name}.{which}_proj").view(x.shape[0], -1, dim)
                rows = qwen3.rms_norm(rows, self.weights[f"{name}.{which}_norm.weight"], eps)
                turned.append(qwen3.rotate(rows, cos, sin).transpose(0, 1))
            window = config["sliding_window"] if model.slides(layer) else None
            sink.attention(layer, *turned, dim**-0.5, window)
            return attention(x, name, layer, positions, segments, {})

        def routed(x, name, record):
            layer = int(name.split(".")[2])
            logits = x @ self.weights[name + ".gate.weight"].T
            sink.router(layer, logits, config["num_experts_per_tok"], config["norm_topk_prob"])
            return moe(x, name, {})

        model.attention, model.moe = measured, routed
        with torch.no_grad():
            model.forward(torch.tensor(ids))


def measure(options):
    from streaming_sums import Item, ItemStatistics

    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    settings = {
        "sinkTokens": options.sink,
        "thresholds": [int(text) for text in options.thresholds.split(",")],
        "bins": options.bins,
    }
    lines = read_items(options.items)
    if options.reference:
        model = ReferenceModel(options.model, options.adapter)
    else:
        model = TransformersModel(options.model, options.adapter, options.attention)
    shape = model.shape()
    subjects = [{"name": os.path.basename(os.path.realpath(options.model)), "kind": "base"}]
    for path in options.adapter:
        subjects.append(
            {"name": os.path.basename(os.path.realpath(path)), "kind": "adapter", "adapterSha256": adapter_hash(path)}
        )
    measured = {}
    for index in range(rank, len(lines), world):
        item = Item(lines[index], settings)
        measured[index] = []
        for subject in ["base", *options.adapter]:
            sums = ItemStatistics(item, shape, settings)
            model.run(item.ids, sums, subject)
            measured[index].append(sums.plain())
        print(f"rank {rank}: item {index + 1} of {len(lines)}", file=sys.stderr)
    with open(options.items, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    part = {
        "format": "acc-mechanism-part",
        "version": 1,
        "itemsSha256": digest,
        "settings": settings,
        "model": {"name": subjects[0]["name"], **shape},
        "subjects": subjects,
        "items": lines if rank == 0 else None,
        "count": len(lines),
        "measured": measured,
    }
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, f"part-{rank:05d}.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(part, file)
    os.replace(path + ".part", path)


# --- the document ------------------------------------------------------------------------------------------------


def rounded(value):
    """Seven significant digits, as `acc mechanism` writes them."""
    if value is None or value == 0:
        return value
    number = float(f"{value:.7g}")
    return int(number) if number.is_integer() else number


def starts_of(line, settings):
    """First tokens of position segments and first distances of distance segments (streaming_sums.Item, without PyTorch)."""
    tokens = line["tokens"]
    positions = {0, settings["sinkTokens"]}
    for piece in line["evidence"]:
        positions.update((piece["start"], piece["end"]))
    positions.update(b * tokens // settings["bins"] for b in range(settings["bins"]))
    distances = {0, *(t + 1 for t in settings["thresholds"])}
    distances.update(2 ** (b - 1) for b in range(1, 1 + math.ceil(math.log2(max(tokens, 2)))))
    return sorted(s for s in positions if s < tokens), sorted(s for s in distances if s < tokens)


class Placed:
    """One item of one subject with where its segments begin."""

    def __init__(self, line, sums, settings):
        self.line, self.sums = line, sums["sums"]
        self.routing = sums["routing"]
        self.positions, self.distances = starts_of(line, settings)
        self.roles = {}
        for role in ("gold", "distractor"):
            pieces = [piece for piece in line["evidence"] if piece["role"] == role]
            inside = [s for s, start in enumerate(self.positions) if any(p["start"] <= start < p["end"] for p in pieces)]
            self.roles[role] = inside if pieces else None

    def position_mass(self, row, start, end):
        return sum(row[HEAD_NUMBERS + s] for s, first in enumerate(self.positions) if start <= first < end)

    def distance_mass(self, row, start, end):
        at = HEAD_NUMBERS + len(self.positions)
        return sum(row[at + s] for s, first in enumerate(self.distances) if start <= first < end)

    def parts(self, layer, head, settings):
        """Sum and count of every statistic; None where the item has none."""
        row = self.sums[layer][head]
        count = row[7]
        parts = {name: (row[column], count) for name, column in ATTENTION_COLUMNS.items()}
        parts["sinkExcludedDistance"] = (row[1], row[5])
        parts["sinkMass"] = (self.position_mass(row, 0, settings["sinkTokens"]), count)
        for role in ("gold", "distractor"):
            inside = self.roles[role]
            parts[f"{role}Mass"] = None if inside is None else (sum(row[HEAD_NUMBERS + s] for s in inside), count)
        steps = self.line["copySteps"]
        parts["retrievalScore"] = (row[6], steps) if steps else None
        return parts


def pooled(parts):
    total = sum(part[0] for part in parts if part)
    count = sum(part[1] for part in parts if part)
    return rounded(total / count) if count > 0 else None


def attention_rows(placed, shape, settings):
    bins = max(1 + math.ceil(math.log2(max(one.line["tokens"], 2))) for one in placed)
    queries = sum(one.line["queryTokens"] for one in placed)
    rows = []
    for layer in range(shape["layers"]):
        for head in range(shape["heads"]):
            parts = [one.parts(layer, head, settings) for one in placed]
            values = {name: pooled([part[name] for part in parts]) for name in parts[0]}

            def between(start, end):
                return rounded(sum(one.distance_mass(one.sums[layer][head], start, end) for one in placed) / queries)

            rows.append(
                {
                    "layer": layer,
                    "head": head,
                    **values,
                    "longRangeMass": [between(t + 1, math.inf) for t in settings["thresholds"]],
                    "distanceHistogram": [between(0, 1)] + [between(2 ** (b - 1), 2**b) for b in range(1, bins)],
                    "perItem": {
                        **{
                            name: [pooled([part[name]]) for part in parts]
                            for name, value in values.items()
                            if value is not None
                        },
                        "longRangeMass": [
                            [pooled([(one.distance_mass(one.sums[layer][head], t + 1, math.inf), one.line["queryTokens"])]) for one in placed]
                            for t in settings["thresholds"]
                        ],
                    },
                }
            )
    return rows


def evidence_mass(one, shape):
    queries = one.line["queryTokens"]
    return [
        rounded(one.position_mass(one.sums[layer][head], piece["start"], piece["end"]) / queries)
        for layer in range(shape["layers"])
        for head in range(shape["heads"])
        for piece in one.line["evidence"]
    ]


def density(placed, shape, settings):
    bins, heads = settings["bins"], shape["heads"]
    if bins == 0:
        return None
    per_head = shape["layers"] * heads * bins * len(placed) <= MOST_DENSITY_NUMBERS
    values = []
    for one in placed:
        tokens, queries, own = one.line["tokens"], one.line["queryTokens"], []
        for layer in range(shape["layers"]):
            rows = [
                [one.position_mass(row, b * tokens // bins, (b + 1) * tokens // bins) / queries for b in range(bins)]
                for row in one.sums[layer]
            ]
            if not per_head:
                rows = [[sum(row[b] for row in rows) / heads for b in range(bins)]]
            own += [rounded(value) for row in rows for value in row]
        values.append(own)
    return {"bins": bins, "perHead": per_head, "values": values}


def entropy_of(weights):
    total = sum(weights)
    return 0 if total <= 0 else -sum(w / total * math.log(w / total) for w in weights if w > 0)


def routing_of(placed, base, layer, shape):
    """Rows of one layer's experts and the layer's summary."""
    experts, k = shape["experts"], shape["expertsPerToken"]
    own = [one.routing[str(layer)] for one in placed]
    tokens = [[round(sum(entry[0] for entry in item["sums"][c]) / k) for c in range(8)] for item in own]
    kinds = list(dict.fromkeys(one.line["kind"] for one in placed))

    def over(expert, classes, wanted):
        chosen = gate = count = 0
        for index in wanted:
            for c in classes:
                chosen += own[index]["sums"][c][expert][0]
                gate += own[index]["sums"][c][expert][1]
                count += tokens[index][c]
        return {"frequency": rounded(chosen / count) if count else None, "weight": rounded(gate / count) if count else None}

    everything = range(len(placed))
    of_kind = {kind: [i for i in everything if placed[i].line["kind"] == kind] for kind in kinds}
    rows = []
    for expert in range(experts):
        total = over(expert, [QUERY_CLASS], everything)
        items = [over(expert, [QUERY_CLASS], [i]) for i in everything]
        rows.append(
            {
                "layer": layer,
                "expert": expert,
                "frequency": total["frequency"] or 0,
                "weight": total["weight"] or 0,
                "perItem": {name: [item[name] for item in items] for name in ("frequency", "weight")},
                "byKind": {kind: over(expert, [QUERY_CLASS], of_kind[kind]) for kind in kinds},
                "byTokenRole": {role: over(expert, classes, everything) for role, classes in ROLE_CLASSES.items()},
                "byEvidenceRole": {"gold": over(expert, [2], everything), "distractor": over(expert, [3], everything)},
            }
        )
    queries = sum(one.line["queryTokens"] for one in placed)
    frequency = [row["frequency"] for row in rows]
    ranked = sum((2 * (i + 1) - experts - 1) * value for i, value in enumerate(sorted(frequency)))

    def square(part):
        return [rounded(sum(item["pairs"][part][a][b] for item in own) / queries) for a in range(experts) for b in range(experts)]

    divergence = []
    names = sorted(kinds)
    for index, a in enumerate(names):
        for b in names[index + 1 :]:
            p, q = ([row["byKind"][kind]["frequency"] or 0 for row in rows] for kind in (a, b))
            if sum(p) > 0 and sum(q) > 0:
                middle = [(x / sum(p) + y / sum(q)) / 2 for x, y in zip(p, q)]
                value = max(0, entropy_of(middle) - (entropy_of(p) + entropy_of(q)) / 2)
                divergence.append({"a": a, "b": b, "value": rounded(value)})
    saturation = None
    if base is not None:
        shared = choices = 0
        for one, other in zip(own, (item.routing[str(layer)] for item in base)):
            for mine, before in zip(one["choices"], other["choices"]):
                shared += len(set(mine) & set(before))
                choices += len(mine)
        saturation = rounded(shared / choices) if choices else None
    total = sum(frequency)
    summary = {
        "layer": layer,
        "gini": rounded(ranked / (experts * total)),
        "maxOverMean": rounded(max(frequency) * experts / total),
        "effectiveExperts": rounded(math.exp(entropy_of(frequency))),
        "routerEntropy": rounded(sum(item["entropy"] for item in own) / queries),
        "saturationAgainstBase": saturation,
        "kindDivergence": divergence,
        "coActivation": square(0),
        "coActivationRankAdjacent": square(1),
    }
    return rows, summary


def subject_of(name, placed, base, shape, settings):
    routing, summaries = [], []
    for layer in range(shape["layers"]):
        if str(layer) in placed[0].routing:
            rows, summary = routing_of(placed, base, layer, shape)
            routing += rows
            summaries.append(summary)
    return {
        **name,
        "attention": attention_rows(placed, shape, settings),
        "routing": routing,
        "routerSummary": summaries,
        "evidenceMass": [evidence_mass(one, shape) for one in placed],
        "density": density(placed, shape, settings),
    }


def merge(options):
    paths = sorted(path for folder in options.parts for path in glob.glob(os.path.join(folder, "part-*.json")))
    parts = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            parts.append(json.load(file))
    if not parts:
        raise SystemExit("no part-*.json of a rank was found: run `measure` first")
    first = parts[0]
    same = ("format", "version", "itemsSha256", "settings", "model", "subjects", "count")
    for path, part in zip(paths, parts):
        for key in same:
            if part[key] != first[key]:
                raise SystemExit(f"{path}: {key} differs from {paths[0]}: the ranks did not measure the same thing")
    measured = {int(index): sums for part in parts for index, sums in part["measured"].items()}
    missing = [index for index in range(first["count"]) if index not in measured]
    if missing:
        raise SystemExit(f"items {missing[:10]} were measured by no rank: the file of one is missing")
    lines = next((part["items"] for part in parts if part["items"]), None)
    if lines is None:
        raise SystemExit("the file of rank 0 is missing: it holds the items")
    settings, shape = first["settings"], first["model"]
    subjects, base = [], None
    for index, name in enumerate(first["subjects"]):
        placed = [Placed(line, measured[at][index], settings) for at, line in enumerate(lines)]
        subjects.append(subject_of(name, placed, base, shape, settings))
        base = base or placed
    document = {
        "format": "acc-mechanism",
        "version": 1,
        "definitions": {},
        "queries": lines[0]["queries"],
        "settings": {"sinkTokens": settings["sinkTokens"], "thresholds": settings["thresholds"]},
        "model": shape,
        "items": [{key: value for key, value in line.items() if key not in ("ids", "queries")} for line in lines],
        "subjects": subjects,
        "run": {
            "program": "scripts/measure/mechanism.py",
            "config": settings,
            "data": {"sha256": first["itemsSha256"], "items": len(lines)},
            "ranks": len(parts),
        },
    }
    with open(options.out + ".part", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(options.out + ".part", options.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure", help="run the model, write the sums of this rank")
    one.add_argument("--model", required=True)
    one.add_argument("--adapter", action="append", default=[], help="PEFT adapter; may be given several times")
    one.add_argument("--items", required=True, help="items.jsonl of acc mechanism --items")
    one.add_argument("--out", required=True, help="folder for the files of all ranks")
    one.add_argument("--attention", default="sdpa", help="transformers' attention to run beside: sdpa, flash_attention_2")
    one.add_argument("--sink", type=int, default=4)
    one.add_argument("--thresholds", default="256,1024,4096")
    one.add_argument("--bins", type=int, default=64)
    one.add_argument("--reference", action="store_true", help="test/reference/qwen3.py instead of transformers")
    two = commands.add_parser("merge", help="the document of all ranks")
    two.add_argument("parts", nargs="+", help="folders with part-*.json")
    two.add_argument("--out", required=True)
    options = parser.parse_args()
    measure(options) if options.command == "measure" else merge(options)


if __name__ == "__main__":
    main()
