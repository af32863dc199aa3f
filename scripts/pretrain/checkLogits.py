"""
Compares next-token logits of a checkpoint folder with what `acc run --logits` wrote: checkLogits.py FOLDER IDS LOGITS
IDS: JSON list of token ids; LOGITS: safetensors with one tensor.
"""
import json
import struct
import sys

import torch

from model import Model, names_of


def read_safetensors(path):
    kinds = {"F16": torch.float16, "F32": torch.float32}
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    out = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        a, b = entry["data_offsets"]
        out[name] = torch.frombuffer(bytearray(data[8 + size + a:8 + size + b]), dtype=kinds[entry["dtype"]]).view(entry["shape"])
    return out


def load(folder):
    """The model in float32 with the weights as stored."""
    model = Model(json.load(open(f"{folder}/config.json")), exact=True)
    stored = read_safetensors(f"{folder}/model.safetensors")
    with torch.no_grad():
        for name, tensor in names_of(model):
            tensor.copy_(stored[name].float())
    return model


if __name__ == "__main__":
    folder, ids, logits = sys.argv[1:4]
    model = load(folder)
    with torch.no_grad():
        ours, _ = model.forward(torch.tensor([json.load(open(ids))]))
    theirs = next(iter(read_safetensors(logits).values())).flatten()
    error = (ours[-1] - theirs).abs().max().item()
    print("largest difference", error, "of logits up to", ours[-1].abs().max().item())
    sys.exit(error > 2e-4 * max(1, ours[-1].abs().max().item()))
