"""Examples, two adapters and what the reference measures on them, for the tiny MoE checkpoint.

    /usr/bin/python3 test/reference/make_mechanism_fixtures.py inputs
    ACC_WRITE_FIXTURES=1 npx vitest run --project unit test/mechanism/items.test.ts
    /usr/bin/python3 test/reference/make_mechanism_fixtures.py documents

The first step writes test/fixtures/mechanism/{examples.jsonl,adapter,control}, the second items.json (the examples as
tokens), the third reference-answer.json and reference-all.json (mechanism documents, computed in f64).
"""
import hashlib
import json
import os
import random
import sys

import torch

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file  # noqa: E402
from mechanism_statistics import SINK, THRESHOLDS, measure, query_positions  # noqa: E402
from qwen3 import Qwen3, is_moe_layer  # noqa: E402

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "../fixtures/mechanism")
MODEL = os.path.join(HERE, "../fixtures/models/tiny-moe")
KINDS = ["search", "swe", "sql"]


def examples():
    rng = random.Random(7)
    words = "amber basin cedar delta ember fjord grove haven inlet jetty knoll ledge mesa niche orbit plaza".split()
    for n in range(6):
        pieces = []
        for p in range(3):
            text = " ".join(rng.choice(words) for _ in range(rng.randint(4, 9)))
            pieces.append((f"p{p}", "gold" if p == n % 3 else "distractor", f"Page {p}", text))
        answer = " ".join(pieces[n % 3][3].split()[:2])
        content = "Read this.\n\n"
        evidence = []
        for number, (name, role, title, text) in enumerate(pieces):
            content += f"=== Document: {title} ===\n"
            start = len(content)
            content += text
            evidence.append({"id": name, "role": role, "title": title, "start": start, "end": len(content)})
            content += "\n\n"
        question = "Which words come first?"
        content += f"=== Question ===\n{question}"
        rationale = "It stands in one of them." if n % 2 == 0 else None
        reply = answer if rationale is None else f"<think>\n{rationale}\n</think>\n\n{answer}"
        yield {
            "id": f"item-{n}",
            "kind": KINDS[n % 3],
            "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": reply}],
            "question": question,
            "answer": answer,
            "rationale": rationale,
            "evidence": evidence,
        }


def make_adapter(folder, seed, config):
    g = torch.Generator().manual_seed(seed)
    tensors, rank = {}, 2
    c, d = config["hidden_size"], config["head_dim"]
    shapes = {
        "q_proj": (config["num_attention_heads"] * d, c),
        "k_proj": (config["num_key_value_heads"] * d, c),
    }
    for layer in range(config["num_hidden_layers"]):
        for name, (rows, cols) in shapes.items():
            path = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[path + ".lora_A.weight"] = torch.randn((rank, cols), generator=g) * cols**-0.5
            tensors[path + ".lora_B.weight"] = torch.randn((rows, rank), generator=g) * 0.5
    os.makedirs(folder, exist_ok=True)
    safetensors_file.save(os.path.join(folder, "adapter_model.safetensors"), tensors)
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump({"peft_type": "LORA", "r": rank, "lora_alpha": 4, "target_modules": list(shapes)}, f, indent=1)


def read_adapter(folder):
    tensors = safetensors_file.load(os.path.join(folder, "adapter_model.safetensors"))
    pairs = {}
    for name, tensor in tensors.items():
        module = name.replace("base_model.model.", "").replace(".lora_A.weight", "").replace(".lora_B.weight", "")
        pairs.setdefault(module, {})["A" if ".lora_A." in name else "B"] = tensor.double()
    return {module: (p["A"], p["B"], 4 / 2) for module, p in pairs.items()}


def runs(roles):
    out = []
    for t, role in enumerate(roles):
        if out and out[-1][2] == role:
            out[-1][1] = t + 1
        else:
            out.append([t, t + 1, role])
    return out


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


def main(step):
    with open(os.path.join(MODEL, "config.json")) as f:
        config = json.load(f)
    os.makedirs(OUT, exist_ok=True)
    if step == "inputs":
        with open(os.path.join(OUT, "examples.jsonl"), "w") as f:
            for row in examples():
                f.write(json.dumps(row) + "\n")
        make_adapter(os.path.join(OUT, "adapter"), 11, config)
        make_adapter(os.path.join(OUT, "control"), 12, config)
        return
    weights = {}
    for file in sorted(os.listdir(MODEL)):
        if file.endswith(".safetensors"):
            weights.update({k: v.double() for k, v in safetensors_file.load(os.path.join(MODEL, file)).items()})
    with open(os.path.join(OUT, "items.json")) as f:
        items = json.load(f)
    moe_layers = [layer for layer in range(config["num_hidden_layers"]) if is_moe_layer(config, layer)]
    for queries in ("answer", "all"):
        base, records = measure("tiny-moe", "base", Qwen3(config, weights), items, queries, moe_layers)
        subjects = [base]
        for kind in ("adapter", "control"):
            model = Qwen3(config, weights, read_adapter(os.path.join(OUT, kind)))
            subjects.append(measure(kind, kind, model, items, queries, moe_layers, records)[0])
        document = {
            "format": "acc-mechanism",
            "version": 1,
            "queries": queries,
            "settings": {"sinkTokens": SINK, "thresholds": THRESHOLDS},
            "model": {
                "name": "tiny-moe",
                "layers": config["num_hidden_layers"],
                "heads": config["num_attention_heads"],
                "kvHeads": config["num_key_value_heads"],
                "experts": config["num_experts"],
                "expertsPerToken": config["num_experts_per_tok"],
            },
            "items": [
                {
                    "id": item["id"],
                    "hash": hashlib.sha256(b"".join(i.to_bytes(4, "little") for i in item["ids"])).hexdigest(),
                    "kind": item["kind"],
                    "tokens": len(item["ids"]),
                    "queryTokens": len(query_positions(item, queries)),
                    "evidence": item["evidence"],
                    "roles": runs(item["roles"]),
                }
                for item in items
            ],
            "subjects": subjects,
            "run": {"program": "test/reference/make_mechanism_fixtures.py, f64"},
        }
        with open(os.path.join(OUT, f"reference-{queries}.json"), "w") as f:
            json.dump(rounded(document), f)
            f.write("\n")


main(sys.argv[1] if len(sys.argv) > 1 else "")
