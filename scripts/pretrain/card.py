"""Writes the model card from the training log: card.py RUN_FOLDER MODEL_FOLDER"""
import json
import os
import sys

import torch

KINDS = {
    "repeat": "repeat a text, some behind a nonce",
    "recall": "look up values in a list",
    "notes": "repeat the nth writing of a conversation, some behind a nonce",
    "graph": "parents and neighbours in a list of edges",
    "pick": "find a line of a text",
    "drill": "look up, many short questions on one list",
    "noteDrill": "repeat the nth of many small writings, some behind a nonce",
    "echo": "continue a random sequence that was seen once",
    "riddle": "questions on pages of the world, one to three hops",
    "search": "turns of the search agent",
    "swe": "turns of the repository agent",
    "sql": "turns of the table agent",
    "sweContext": "a repository's fault from its files",
    "sqlContext": "a question on tables from their rows",
}

TEXT = """# world-moe-{millions}m

A Qwen3-MoE of {parameters:,} parameters ({active:,} at work for a token): {layers} layers, hidden size {hidden}, {heads} query and {kv} key-value heads of {dim}, QK-norm, {experts} experts of width {width} with {topk} per token. Its own byte-level BPE tokenizer has {vocab:,} entries. Weights in float16. It is here so that every step of the workbench runs on a model at once; it knows nothing of the world outside.

## What it can and cannot do

It was trained for {tokens:,} tokens only, on texts of at most 640 tokens. It copies what it has found, also behind a nonce, and follows the forms of answers ("Final Answer: […]", agent turns, diffs). Finding *which* text is asked for works mostly in short lists and seldom among many, as the tables show. Its last 3 million tokens were the same short texts behind one another in rows of up to 2,048 tokens, so that positions are not new to it; what it must find never stood further away than 640 tokens. It has no general knowledge and no language but the few hundred words of its world.

Share of replies that are right to the last token (with the reply's own earlier tokens given), and of single tokens, on texts not trained on:

| kind | what it asks | replies | tokens |
| --- | --- | --- | --- |
{table}

On rows of the workbench's two benchmark generators that are kept for trying designs (24 a cell, two needles; graphs of one step, replies as generated): MRCR-style 56, 46, 39 and 31 % of similarity at 256, 512, 1,024 and 2,048 tokens; GraphWalks-style F1 44, 16, 5 and 1 %.

An agent's turns hold words that cannot be known beforehand; their whole-reply share is low by nature.

## Data

All texts are made by this repository: short tasks (`src/world/shortTasks.ts`, `scripts/pretrain/data.ts`) and the scripted agents' world (`src/world`). Rows of the two long-context benchmarks' generators are not among them (the tokenizer's vocabulary did see such rows); tasks of the same two kinds (an nth writing of a conversation, neighbours in an edge list) are, in other words and at most 288 tokens long (agents' turns at most 640). Node names are the ids that GraphWalks publishes (ten hex digits of an md5), each one token. No context compiled by Agent Context Compilation is in the data.

## Training

Seed 0. AdamW (0.9, 0.98), gradients clipped to norm 1, balance loss 0.01, z-loss 0.0001; matrix products in bfloat16, all else float32.

**Longer rows came last.** After 96 million tokens of short texts, each alone, nothing beyond their length worked any more: MRCR-style rows of 256 tokens scored 55 %, of 512 tokens 3 %, while after 16.6 million tokens it had been 39 and 28 %. 900 steps with texts behind one another gave the figures above.

**The first weights are built in part, not random** (`scripts/pretrain/construct.py`): heads of layer 0 look one to three tokens back, heads of layer 1 continue what was seen, a head of layer 2 carries the last words of the question to the reply, heads of layer 3 look for them in the context; words with and without the space before them start with nearly the same code. An earlier run (4 layers, hidden size 160, the heads of layers 0 and 1 only) had 24 % of the list look-ups right after 8.2 million tokens.

| step | tokens | loss |
| --- | --- | --- |
{curve}

The mix of data changes where the loss jumps (step 477: first drills of looking up, then everything; step 5,736: longer turns of agents, drills of the nth writing; step 32,436: rows of several texts). The rate falls to a tenth before steps 2,099, {decays}; the loss falls with it and rises after.

## Rebuild

```
{commands}
```

Debian's python3-torch and g++ on a processor with AMX. Data, first weights and batches are seeded; the run was interrupted by hand at the steps given, once going back from step 2,155 to 1,963, so a rebuild comes close and is not the same bits. At steps 2,316 and 5,736 it went on from the released float16 weights with fresh moments; the steps above count on. The agents' closing words were made fuller after these data were made.
"""


def main():
    run, folder = sys.argv[1:3]
    state = torch.load(f"{run}/state.pt")
    c = state["config"]
    entries = [json.loads(line) for line in open(f"{run}/log.jsonl")]
    losses = {e["step"]: e for e in entries if "loss" in e and e["step"] <= state["step"]}
    probe = [e for e in entries if "probe" in e and e["step"] <= state["step"]][-1]["probe"]
    steps = sorted(losses)
    shown = sorted({steps[min(len(steps) - 1, round(i * (len(steps) - 1) / 15))] for i in range(16)})
    curve = "\n".join(f"| {s:,} | {losses[s]['tokens']:,} | {losses[s]['loss']:.3f} |" for s in shown)
    table = "\n".join(f"| {k} | {KINDS[k]} | {probe[k][0]:.3f} | {probe[k][1]:.3f} |" for k in KINDS if k in probe)
    expert = 3 * c["moe_intermediate_size"] * c["hidden_size"]
    total = len(state["flat"])
    idle = c["num_hidden_layers"] * (c["num_experts"] - c["num_experts_per_tok"]) * expert
    vocab = len(json.load(open(f"{folder}/tokenizer.json"))["model"]["vocab"])
    text = TEXT.format(
        millions=round(total / 1e6), parameters=total, active=total - idle, layers=c["num_hidden_layers"], hidden=c["hidden_size"],
        heads=c["num_attention_heads"], kv=c["num_key_value_heads"], dim=c["head_dim"], experts=c["num_experts"],
        width=c["moe_intermediate_size"], topk=c["num_experts_per_tok"], vocab=vocab, tokens=state["tokens"], table=table, curve=curve,
        decays=open(f"{run}/decays.txt").read().strip(),
        commands=open(f"{run}/commands.txt").read().strip() if os.path.exists(f"{run}/commands.txt") else "",
    )
    with open(f"{folder}/README.md", "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
