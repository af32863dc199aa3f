"""
Pre-training of the model in the box on the CPU.

    /usr/bin/python3 train.py --data FOLDER --out FOLDER --steps N [--mix easy:1 short:0] …

Seeded; a checkpoint every few minutes from which it goes on; a line of figures every few steps and the accuracy on
held-out tasks now and then, both as JSON lines in OUT/log.jsonl.
"""
import argparse
import json
import os
import signal
import time

import numpy as np
import torch

import construct
from kernels import Kernels
from model import CONFIG, Model, load_weights

KINDS = ["repeat", "recall", "notes", "graph", "pick", "riddle", "echo", "drill", "noteDrill", "search", "swe", "sql", "sweContext", "sqlContext"]


class Shard:
    def __init__(self, base):
        self.tokens = np.fromfile(base + ".tokens", np.uint16)
        self.weights = np.fromfile(base + ".weights", np.uint8)
        lengths = np.fromfile(base + ".lengths", np.uint32).astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(lengths)])

    def onlyRepeated(self):
        """Counts only replies whose beginning stands earlier in the text: what a conversation makes up cannot be known."""
        for i in range(len(self)):
            t, w = self.text(i)
            full = np.concatenate([[False], w == 255, [False]])
            edges = np.flatnonzero(full[1:] != full[:-1])
            raw = t.tobytes()
            for a, b in zip(edges[::2], edges[1::2]):
                if raw.find(t[a:a + 3].tobytes(), 0) >= 2 * a:
                    w[a:b] = 0
        return self

    def __len__(self):
        return len(self.starts) - 1

    def text(self, i):
        a, b = self.starts[i], self.starts[i + 1]
        return self.tokens[a:b], self.weights[a:b]


def load(folder, stage):
    found = {}
    for kind in KINDS:
        base = os.path.join(folder, f"{stage}.{kind}")
        if os.path.exists(base + ".tokens"):
            found[kind] = Shard(base).onlyRepeated() if kind == "notes" else Shard(base)
    return found


def joined(texts, most, rng):
    """Rows of a quarter of `most` to `most` tokens, of texts that are read behind one another."""
    row, total, limit = [], 0, rng.integers(most // 4, most)
    for tokens, weights in texts:
        if row and total + len(tokens) > limit:
            yield np.concatenate([t for t, _ in row]), np.concatenate([w for _, w in row])
            row, total, limit = [], 0, rng.integers(most // 4, most)
        # Nothing foretells which text comes next.
        row.append((tokens, np.concatenate([weights[:1] * 0, weights[1:]])))
        total += len(tokens)
    if row:
        yield np.concatenate([t for t, _ in row]), np.concatenate([w for _, w in row])


def batches(shards, share, seed, size, epoch, join=0):
    """
    Rows of like length, about `size` tokens a batch; every text once an epoch, kinds thinned to their share. With
    `join`, texts stand behind one another in rows of up to so many tokens, and each sees those before it.
    """
    rng = np.random.default_rng([seed, epoch])
    texts = []
    for name, shard in shards.items():
        order = rng.permutation(len(shard))
        texts += [(name, i) for i in order[:int(len(order) * share.get(name, 1.0))]]
    rng.shuffle(texts)
    pool = 2048
    for at in range(0, len(texts), pool):
        part = [shards[name].text(int(i)) for name, i in texts[at:at + pool]]
        if join:
            part = list(joined(part, join, rng))
        part.sort(key=lambda t: len(t[0]))
        made, rows, total = [], [], 0
        for tokens, weights in part:
            if rows and total + len(tokens) > size:
                made.append(rows)
                rows, total = [], 0
            rows.append((tokens, weights))
            total += len(tokens)
        if rows:
            made.append(rows)
        for i in rng.permutation(len(made)):
            yield made[i]


def flat(rows):
    return (np.concatenate([t for t, _ in rows]).astype(np.int32), np.concatenate([w for _, w in rows]).astype(np.float32) / 255,
            np.array([len(t) for t, _ in rows], np.int32))


def probe(kernels, shards, most):
    """Share of replies whose every token is the likeliest one, and of single tokens, by kind."""
    out = {}
    for name, shard in shards.items():
        rows, total = [], 0
        for i in range(len(shard)):
            t, w = shard.text(i)
            if total + len(t) > most:
                break
            rows.append((t, np.where(w == 255, w, 0)))
            total += len(t)
        ids, weights, lengths = flat(rows)
        best = kernels.batch(ids, weights, lengths, 1.0, train=False)["best"]
        wanted = weights > 0
        hit = (best == ids) | ~wanted
        # One reply is one run of wanted tokens.
        start = wanted & ~np.concatenate([[False], wanted[:-1]])
        run = np.cumsum(start)[wanted] - 1
        bad = np.zeros(run[-1] + 1, bool)
        np.logical_or.at(bad, run, ~hit[wanted])
        out[name] = [round(float((~bad).mean()), 3), round(float(hit[wanted].mean()), 3)]
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--init", help="where to start from when OUT has no checkpoint: one, or a model folder (its weights, without moments)")
    parser.add_argument("--seen", type=int, default=0, help="tokens that the weights of a model folder have seen")
    parser.add_argument("--mix", nargs="*", default=["easy"], help="stages whose texts are used")
    parser.add_argument("--share", nargs="*", default=[], help="kind:part, how much of a kind's texts is used an epoch")
    parser.add_argument("--steps", type=int, default=1000000)
    parser.add_argument("--decay", type=int, default=0, help="the last so many steps lower the rate to a tenth")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--warm", type=int, default=100)
    parser.add_argument("--size", type=int, default=4096, help="tokens a batch")
    parser.add_argument("--join", type=int, default=0, help="longest row in tokens of texts behind one another, each of which sees those before it; 0 keeps texts apart")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", type=float, default=180, help="seconds between checkpoints")
    parser.add_argument("--held", type=int, default=6000, help="tokens of a kind in a probe")
    parser.add_argument("--probe", type=int, default=250, help="steps between probes")
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "state.pt")
    model = Model(CONFIG)
    construct.construct(model, a.seed, construct.twins(json.load(open(a.tokenizer))))
    kernels = Kernels(model, a.threads)
    m, v = torch.zeros_like(model.flat), torch.zeros_like(model.flat)
    step = seen = 0
    source = path if os.path.exists(path) else a.init
    if source and os.path.isdir(source):
        load_weights(model, source)
        seen = a.seen
    elif source:
        state = torch.load(source)
        model.flat.copy_(state["flat"])
        m, v, step, seen = state["m"], state["v"], state["step"], state["tokens"]
        print("from", source, "step", step, flush=True)
    start_step = step
    share = dict((k, float(x)) for k, x in (item.split(":") for item in a.share))
    shards = {}
    for stage in a.mix:
        for kind, shard in load(a.data, stage).items():
            shards[f"{stage}.{kind}"] = shard
    share = {name: share.get(name.split(".")[1], 1.0) for name in shards}
    held = load(a.data, "probe")
    log = open(os.path.join(a.out, "log.jsonl"), "a")

    def write(entry):
        log.write(json.dumps(entry) + "\n")
        log.flush()
        print(json.dumps(entry), flush=True)

    def save():
        torch.save({"flat": model.flat, "m": m, "v": v, "step": step, "tokens": seen, "config": CONFIG}, path + ".new")
        os.replace(path + ".new", path)

    saved, stopping = time.time(), []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    epoch, losses, since, tick = step, [], 0, time.time()
    write({"step": step, "probe": probe(kernels, held, a.held)})
    while step < a.steps:
        for rows in batches(shards, share, a.seed, a.size, epoch, a.join):
            ids, weights, lengths = flat(rows)
            model.grad.zero_()
            made = kernels.batch(ids, weights, lengths, 1 / weights.sum(), balance=0.01, z=1e-4)
            norm = model.grad.norm().item()
            step += 1
            seen += len(ids)
            since += len(ids)
            lr = a.lr * min(1, (step - start_step) / a.warm)
            if a.decay and step > a.steps - a.decay:
                lr *= max(0.1, (a.steps - step) / a.decay)
            kernels.adam(m, v, lr, step, min(1, 1 / (norm + 1e-6)))
            losses.append(made["loss"])
            if step % 50 == 0:
                now = time.time()
                write({"step": step, "tokens": seen, "loss": round(float(np.mean(losses)), 4), "norm": round(norm, 2),
                       "balance": round(made["balance"], 3), "most": round(float((made["load"].max(1) / made["load"].mean(1)).max()), 2),
                       "rate": round(since / (now - tick)), "time": round(now)})
                losses, since, tick = [], 0, now
            if step % a.probe == 0:
                write({"step": step, "probe": probe(kernels, held, a.held)})
                tick = time.time()
            if time.time() - saved > a.save:
                save()
                saved = time.time()
            if step >= a.steps or stopping:
                break
        if stopping:
            break
        epoch += 1
    save()


if __name__ == "__main__":
    main()
