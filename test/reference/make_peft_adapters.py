"""Writes LoRA adapters of the tiny mixture-of-experts model as PEFT does, and what the reference says with them.

    /usr/bin/python3 test/reference/make_peft_adapters.py

Two folders of test/fixtures/peft hold the same change of attention and experts in PEFT's two layouts: one matrix pair
for each expert (transformers 4), and all experts of a layer as one (transformers 5: A [E r, in] expert-major, B
[out, r E] expert-minor, gate and up in one with twice the rank). Written from the description of the format, without
any of the project's TypeScript. logits.json: a prompt and its last logits, without and with the adapter.
"""
import json
import os

import torch

import qwen3
import safetensors_file

HERE = os.path.dirname(os.path.realpath(__file__))
MODEL = os.path.join(HERE, "..", "fixtures", "models", "tiny-moe")
OUT = os.path.join(HERE, "..", "fixtures", "peft")
RANK, ALPHA = 2, 4


def write(name, tensors, **config):
    folder = os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    prefix = "base_model.model."
    safetensors_file.save(
        os.path.join(folder, "adapter_model.safetensors"),
        {prefix + key: value.contiguous() for key, value in sorted(tensors.items())},
        {"format": "pt"},
    )
    settings = {
        "base_model_name_or_path": "tiny-moe",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": RANK,
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
        **config,
    }
    with open(os.path.join(folder, "adapter_config.json"), "w", encoding="utf-8") as file:
        json.dump(dict(sorted(settings.items())), file, indent=2)
        file.write("\n")


def main():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    with open(os.path.join(MODEL, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    weights = {}
    for name in sorted(os.listdir(MODEL)):
        if name.endswith(".safetensors"):
            weights.update(safetensors_file.load(os.path.join(MODEL, name)))
    weights = {name: tensor.float() for name, tensor in weights.items()}

    pairs = {}
    for name, tensor in weights.items():
        module = name[: -len(".weight")]
        is_attention = module.endswith(("q_proj", "k_proj", "v_proj", "o_proj"))
        if is_attention or ".mlp.experts." in module:
            rows, columns = tensor.shape
            pairs[module] = (torch.randn(RANK, columns) * 0.2, torch.randn(rows, RANK) * 0.2)

    each = {}
    for module, (a, b) in pairs.items():
        each[module + ".lora_A.weight"], each[module + ".lora_B.weight"] = a, b
    attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    write("per-expert", each, target_modules=[*attention, "gate_proj", "up_proj", "down_proj"])

    fused = {key: value for key, value in each.items() if ".mlp.experts." not in key}
    experts = config["num_experts"]
    for layer in range(config["num_hidden_layers"]):
        if not qwen3.is_moe_layer(config, layer):
            continue
        base = f"model.layers.{layer}.mlp.experts"
        gate_up_a, gate_up_b, down_a, down_b = [], [], [], []
        for expert in range(experts):
            gate, up, down = (pairs[f"{base}.{expert}.{name}_proj"] for name in ("gate", "up", "down"))
            gate_up_a.append(torch.cat((gate[0], up[0])))
            gate_up_b.append(torch.block_diag(gate[1], up[1]))
            down_a.append(down[0])
            down_b.append(down[1])
        for place, a, b in ((".base_layer", gate_up_a, gate_up_b), ("", down_a, down_b)):
            fused[f"{base}{place}.lora_A.weight"] = torch.cat(a)
            # Column j E + e: the experts change fastest.
            fused[f"{base}{place}.lora_B.weight"] = torch.stack(b, -1).reshape(b[0].shape[0], -1)
    write(
        "fused",
        fused,
        target_modules=attention,
        target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
        rank_pattern={"mlp.experts.gate_up_proj": 2 * RANK},
        alpha_pattern={"mlp.experts.gate_up_proj": 2 * ALPHA},
    )

    ids = torch.randint(0, 300, (24,))
    scale = ALPHA / RANK
    base = qwen3.Qwen3(config, weights).forward(ids)[-1]
    adapters = {module: (a, b, scale) for module, (a, b) in pairs.items()}
    adapted = qwen3.Qwen3(config, weights, adapters).forward(ids)[-1]
    with open(os.path.join(OUT, "logits.json"), "w", encoding="utf-8") as file:
        json.dump({"ids": ids.tolist(), "base": base.tolist(), "adapter": adapted.tolist()}, file)
        file.write("\n")
    print("largest change of a logit:", float((adapted - base).abs().max()))


if __name__ == "__main__":
    main()
