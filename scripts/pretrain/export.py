"""Writes a training state as a Hugging Face checkpoint in float16: export.py STATE FOLDER"""
import json
import os
import sys

import torch

from model import CONFIG, Model, names_of, write_safetensors


def main():
    state = torch.load(sys.argv[1])
    folder = sys.argv[2]
    model = Model(state["config"])
    model.flat.copy_(state["flat"])
    assert model.flat.abs().max() < 60000
    os.makedirs(folder, exist_ok=True)
    tensors = [(name, tensor.detach().to(torch.float16)) for name, tensor in names_of(model)]
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors, {"format": "pt"})
    config = {**state["config"], "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
    with open(os.path.join(folder, "config.json"), "w") as file:
        file.write(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
    with open(os.path.join(folder, "generation_config.json"), "w") as file:
        file.write(json.dumps({"do_sample": False, "eos_token_id": 1, "pad_token_id": 0}, indent=2) + "\n")
    size = os.path.getsize(os.path.join(folder, "model.safetensors"))
    print(f"{sum(t.numel() for _, t in tensors)} parameters, {size / 1e6:.2f} MB, step {state['step']}, {state['tokens']} tokens")


if __name__ == "__main__":
    main()
