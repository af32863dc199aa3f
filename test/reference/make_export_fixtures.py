"""What the reference says with adapters that the trainer exported, reading them as PEFT does.

    ACC_EXPORT_TO=DIR npx vitest run --project gpu test/train/trainer.gpu.test.ts -t exported
    /usr/bin/python3 test/reference/make_export_fixtures.py DIR

Writes test/fixtures/peft/exported.json: hash and config of each folder, a row of tokens, its summed loss and last logits.
The reading follows PEFT's tuners/lora/config.py and tuners/tuners_utils.py: which modules get a pair, and their rank
and scale, is decided by adapter_config.json alone; the file must hold exactly those pairs.
"""
import hashlib
import json
import math
import os
import re
import sys

import torch

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file  # noqa: E402
from make_training_fixtures import load_model, make_batch  # noqa: E402
from qwen3 import Qwen3  # noqa: E402

OUT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "fixtures", "peft", "exported.json")
PREFIX = "base_model.model."


def endings(name):
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]


def shortened(targets, modules):
    """From 20 names on PEFT takes the shortest ends of them that no other module has, so that paths become ends."""
    if len(targets) < 20:
        return targets
    chosen = {name for name in modules if any(name == t or name.endswith("." + t) for t in targets)}
    taken = {end for name in modules if name not in chosen for end in endings(name)}
    return sorted({next(end for end in endings(name) if end not in taken) for name in targets})


def is_target(config, targets, module):
    if isinstance(targets, str):
        return re.fullmatch(targets, module) is not None
    if module in targets:
        return True
    layers = config.get("layers_to_transform")
    found = any(module.endswith("." + target) for target in targets)
    if not found or layers is None:
        return found
    pattern = config.get("layers_pattern")
    # Without a pattern the last number in the path counts: in the path of an expert that is the expert's.
    index = re.match(rf".*\.{pattern or '[^.]*'}\.(\d+)\.", module)
    return index is not None and int(index[1]) in layers


def pattern_value(patterns, module, fallback):
    for key, value in patterns.items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return fallback


def read_adapter(folder, modules):
    with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    assert config["peft_type"] == "LORA" and config["bias"] == "none" and not config["use_dora"]
    tensors = safetensors_file.load(os.path.join(folder, "adapter_model.safetensors"))
    targets = config["target_modules"]
    if isinstance(targets, list):
        targets = shortened(targets, modules)
    adapters = {}
    for module in modules:
        if not is_target(config, targets, module):
            continue
        rank = pattern_value(config["rank_pattern"], module, config["r"])
        alpha = pattern_value(config["alpha_pattern"], module, config["lora_alpha"])
        a = tensors.pop(f"{PREFIX}{module}.lora_A.weight").to(torch.float64)
        b = tensors.pop(f"{PREFIX}{module}.lora_B.weight").to(torch.float64)
        assert a.shape[0] == rank and b.shape[1] == rank, (module, a.shape, b.shape, rank)
        adapters[module] = (a, b, alpha / (math.sqrt(rank) if config["use_rslora"] else rank))
    assert not tensors, f"no module takes {sorted(tensors)[:3]}"
    return adapters


def main():
    root = sys.argv[1]
    config, weights = load_model("tiny-moe")
    modules = [name[: -len(".weight")] for name, tensor in weights.items() if tensor.dim() == 2]
    modules = [name for name in modules if name.startswith("model.layers.")]
    batch = make_batch(23, packed=False)
    ids, labels = batch[0], batch[1]
    out = {}
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        model = Qwen3(config, weights, read_adapter(folder, modules))
        logits = model.forward(ids)
        plain = Qwen3(config, weights).forward(ids)
        kept = labels >= 0
        loss = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="sum")
        with open(os.path.join(folder, "adapter_model.safetensors"), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as file:
            text = file.read()
        out[name] = {
            "sha256": digest, "config": text, "ids": ids.tolist(), "labels": labels.tolist(),
            "lossSum": float(loss), "lastLogits": [round(float(x), 7) for x in logits[-1]]}
        print(name, len(model.adapters), "pairs, largest change of a logit", float((logits - plain).abs().max()))
    with open(OUT, "w", encoding="utf-8") as file:
        json.dump(out, file)
        file.write("\n")


if __name__ == "__main__":
    main()
