"""
Compares next-token logits of a checkpoint folder with what `acc run --logits` wrote: checkLogits.py FOLDER IDS LOGITS
IDS: JSON list of token ids; LOGITS: safetensors with one tensor.
"""
import json
import sys

import torch

from model import Model, load_weights, read_safetensors


def load(folder):
    """The model in float32 with the weights as stored."""
    model = Model(json.load(open(f"{folder}/config.json")), exact=True)
    load_weights(model, folder)
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
