"""
The weights before the first step. Most are random; a few heads are built so that copying works from the start:

layer 0  three previous-token heads: query and key are one constant direction, the rotation makes the score peak at
         distance 1, 2 and 3; each writes what it finds into its own part of the residual stream.
layer 1  an induction head that matches the current token with the token before each position, and one that
         matches the last three tokens; both write the token found where the head of the model reads.
layer 2  a head that brings the last words of the question (three tokens before the reply opens) to every token of it.
layer 3  heads that look for these words among the tokens, two back or three back, and write what stands there.
words    with and without the space before them start with nearly the same code.
later    queries and keys start alike (a head looks for what resembles its own token), as trained models look.
"""
import math

import torch

# Parts of the residual stream: the token, tokens one to three back, what was asked about, what will be said, a constant.
TOKEN, BACK1, BACK2, BACK3, ASKED, SAID, ONE = (0, 48), (48, 76), (76, 104), (104, 132), (132, 160), (160, 191), 191
END, OPENERS = 1, (0, 2, 3, 4, 5)  # ids: the end of a turn, and the tokens that open one


def part(span):
    return slice(*span)


def twins(tokenizer):
    """Ids of words with and without the space before them, of a parsed tokenizer.json."""
    vocab = tokenizer["model"]["vocab"]
    return [(vocab[token[1:]], at) for token, at in vocab.items() if token[0] == "\u0120" and token[1:] in vocab]


def construct(model, seed, pairs=()):
    c, p = model.config, model.p
    g = torch.Generator().manual_seed(seed)
    L, C, D, V = c["num_hidden_layers"], c["hidden_size"], c["head_dim"], c["vocab_size"]
    half = D // 2
    inverse = 1.0 / c["rope_theta"] ** (torch.arange(0, D, 2, dtype=torch.float32) / D)
    # Pairs that turn by less than two thirds of a radian over 2,048 positions match content at any distance.
    still = [j for j in range(half) if inverse[j] * 2048 < 0.7]
    slow = still + [j + half for j in still]

    def normal(*shape, std=0.02):
        return torch.randn(*shape, generator=g) * std

    def basis(rows, columns):
        """Orthonormal rows (or columns, whichever are fewer)."""
        q, _ = torch.linalg.qr(torch.randn(max(rows, columns), min(rows, columns), generator=g))
        return q if rows >= columns else q.t()

    with torch.no_grad():
        for name, t in p.items():
            kind = name.split(".")[-1]
            if t.dim() == 1:
                t.fill_(1.0)
            elif kind == "router":
                t.copy_(normal(*t.shape, std=0.05))
            elif kind in ("gate_up", "down"):
                t.copy_(normal(*t.shape, std=0.5 / math.sqrt(t.shape[-1])))
                if kind == "down":
                    t.mul_(0.5)
            else:
                t.copy_(normal(*t.shape, std=0.02))
        tokens = torch.nn.functional.normalize(torch.randn(V, TOKEN[1] - TOKEN[0], generator=g), dim=1)
        # A word with and without the space before it is one word: nearly the same code, told apart by one direction.
        space = torch.nn.functional.normalize(torch.randn(TOKEN[1] - TOKEN[0], generator=g), dim=0) * 0.4
        for bare, spaced in pairs:
            word = tokens[spaced].clone()
            tokens[spaced] = torch.nn.functional.normalize(word + space, dim=0)
            tokens[bare] = torch.nn.functional.normalize(word - space, dim=0)
        p["embed"].zero_()
        p["embed"][:, part(TOKEN)] = tokens * 4
        p["embed"][:, ONE] = 2
        # What opens a turn has no code of its own to copy or look for: it is where heads rest that have nothing to do.
        p["embed"][list(OPENERS), part(TOKEN)] = 0
        p["embed"][list(OPENERS), part(SAID)] = normal(len(OPENERS), SAID[1] - SAID[0], std=0.15)
        said = torch.nn.functional.normalize(torch.randn(V, SAID[1] - SAID[0], generator=g), dim=1)
        p["head"].copy_(normal(V, C, std=0.01))
        p["head"][:, part(SAID)] = said * 1.5
        # What a token's vector must become to be said: least squares from the token's code to the head's.
        speak = torch.linalg.lstsq(tokens, said).solution.t()
        speak = basis(SAID[1] - SAID[0], TOKEN[1] - TOKEN[0])
        p["head"][:, part(SAID)] = torch.nn.functional.normalize(tokens @ speak.t(), dim=1) * 3

        # Layer 0: fast pairs for position.
        sharp = 3.0
        p["0.qn"].fill_(sharp)
        p["0.kn"].fill_(sharp)
        fast = torch.zeros(half)
        fast[:8] = torch.tensor([0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15])
        for head, (back, span) in enumerate(((1, BACK1), (2, BACK2), (3, BACK3))):
            rows = slice(head * D, (head + 1) * D)
            p["0.q"][rows].normal_(0, 0.002, generator=g)
            # score(distance) = Σ a² cos(f (distance − back)): the query is turned back beforehand.
            turn = -inverse * back
            p["0.q"][rows, ONE] = torch.cat([fast * torch.cos(turn), fast * torch.sin(turn)]) * 3
            p["0.o"][:, rows] = 0
            width = span[1] - span[0]
            out = basis(width, TOKEN[1] - TOKEN[0])
            values = torch.zeros(D, C)
            p["0.o"][part(span), rows][:, :TOKEN[1] - TOKEN[0]] = out * 1.6
        for kv in range(2):
            rows = slice(kv * D, (kv + 1) * D)
            p["0.k"][rows].normal_(0, 0.002, generator=g)
            p["0.k"][rows, ONE] = torch.cat([fast, torch.zeros(half)]) * 3
            values = torch.zeros(D, C)
            values[:TOKEN[1] - TOKEN[0], part(TOKEN)] = torch.eye(TOKEN[1] - TOKEN[0])
            p["0.v"][rows] = values
        # The fourth head of layer 0 stays soft and content-led.
        p["0.q"][3 * D:].copy_(normal(D, C, std=0.05))

        # Layer 1: induction by the slow pairs.
        p["1.qn"].fill_(sharp)
        p["1.kn"].fill_(sharp)
        wide = TOKEN[1] - TOKEN[0]
        # Codes of a token as layer 0's heads wrote them: M = basis used there.
        back1 = p["0.o"][part(BACK1), 0:wide].clone() / 1.6
        back2 = p["0.o"][part(BACK2), D:D + wide].clone() / 1.6
        n = len(slow)
        project = basis(n, BACK1[1] - BACK1[0])
        q, k = torch.zeros(n, C), torch.zeros(n, C)
        q[:, part(TOKEN)] = project @ back1
        k[:, part(BACK1)] = project
        for head in (0, 1):
            p["1.q"][head * D:(head + 1) * D].normal_(0, 0.002, generator=g)
            p["1.q"][torch.tensor(slow) + head * D] = q * 0.4
        p["1.k"][0:D].normal_(0, 0.002, generator=g)
        p["1.k"][torch.tensor(slow)] = k * 0.4
        # The second pair of heads: last token, the one before, the one before that, one third of the pairs each.
        back3 = p["0.o"][part(BACK3), 2 * D:2 * D + wide].clone() / 1.6
        sizes = (n * 4 // 10, n * 3 // 10, n - n * 4 // 10 - n * 3 // 10)
        q, k, at = torch.zeros(n, C), torch.zeros(n, C), 0
        order = torch.randperm(n, generator=g)
        for size, here, before, ours in (
            (sizes[0], BACK1, back1, (TOKEN, None)),
            (sizes[1], BACK2, back2, (BACK1, back1)),
            (sizes[2], BACK3, back3, (BACK2, back2)),
        ):
            rows = order[at:at + size]
            at += size
            f = basis(size, here[1] - here[0])
            k[rows, part(here)] = f
            if here == BACK1:
                f_last = torch.zeros(n, here[1] - here[0])
                f_last[rows] = f
            # What the query holds of that token, brought to the code that the key holds of it.
            span, code = ours
            q[rows, part(span)] = f @ before if code is None else f @ before @ code.t()
        for head in (2, 3):
            p["1.q"][head * D:(head + 1) * D].normal_(0, 0.002, generator=g)
            p["1.q"][torch.tensor(slow) + head * D] = q * 0.4
        p["1.k"][D:].normal_(0, 0.002, generator=g)
        p["1.k"][torch.tensor(slow) + D] = k * 0.4
        # With nothing to look for, rest on the opening of the turn: what follows the end of one.
        rest1, rest2 = project @ back1 @ tokens[END], f_last @ back1 @ tokens[END]
        for head in range(4):
            at_rows = torch.tensor(slow) + head * D
            p["1.q"][at_rows, ONE] += (rest1 if head < 2 else rest2) * 0.4 * 0.12
        for kv in range(2):
            values = torch.zeros(D, C)
            values[:wide, part(TOKEN)] = torch.eye(wide)
            p["1.v"][kv * D:(kv + 1) * D] = values
        p["1.o"].normal_(0, 0.005, generator=g)
        for head in (0, 2):
            p["1.o"][part(SAID), head * D:head * D + wide] = speak * 3
        # Layer 2: the question. Keys hold the token before; the query asks for the nearest opening of a turn.
        slow_at = torch.tensor(slow)
        mid = [j for j in range(half) if 0.008 < inverse[j] < 0.03]
        p["2.qn"].fill_(sharp)
        p["2.kn"].fill_(sharp)
        tokens_of = basis(n, BACK1[1] - BACK1[0])
        k = torch.zeros(D, C)
        k[slow_at, part(BACK1)] = tokens_of
        k += normal(D, C, std=0.01)
        k[torch.tensor(mid), ONE] += 0.9
        q = normal(D, C, std=0.01)
        q[slow_at, ONE] += tokens_of @ back1 @ tokens[END] * 3
        q[torch.tensor(mid), ONE] += 0.9
        p["2.k"][0:D], p["2.q"][0:D] = k, q
        v = torch.zeros(D, C)
        width = BACK3[1] - BACK3[0]
        v[:width, part(BACK3)] = torch.eye(width)
        v[width:2 * width, part(BACK2)] = torch.eye(width)
        p["2.v"][0:D] = v
        p["2.o"].copy_(normal(*p["2.o"].shape, std=0.005))
        p["2.o"][part(ASKED), 0:width] += torch.eye(width) * 1.5
        # Layer 3: places that the question names. ASKED holds codes as BACK3 does.
        p["3.qn"].fill_(sharp)
        p["3.kn"].fill_(sharp)
        p["3.o"].copy_(normal(*p["3.o"].shape, std=0.005))
        same = basis(n, width)
        # Not the question itself: what is near scores less.
        near_k, near_q = torch.zeros(D), torch.zeros(D)
        near_k[:8], near_q[:8] = 0.23, -0.23
        k, q = normal(D, C, std=0.004), normal(D, C, std=0.004)
        k[slow_at, part(BACK2)] += same @ back3 @ back2.t() * 0.4
        q[slow_at, part(ASKED)] += same * 0.4
        k[:, ONE] += near_k
        q[:, ONE] += near_q
        p["3.k"][0:D], p["3.q"][0:D] = k, q
        v = torch.zeros(D, C)
        v[:wide, part(TOKEN)] = torch.eye(wide)
        p["3.v"][0:D] = v
        p["3.o"][part(SAID), 0:wide] += speak * 1.2
        first, second = slow_at[0::2], slow_at[1::2]
        f1, f2 = basis(len(first), width), basis(len(second), width)
        k, q2, q3 = normal(D, C, std=0.004), normal(D, C, std=0.004), normal(D, C, std=0.004)
        k[first, part(TOKEN)] += f1 @ back3 * 0.4
        k[second, part(BACK3)] += f2 * 0.4
        q2[first, part(ASKED)] += f1 * 0.4
        q3[second, part(ASKED)] += f2 * 0.4
        k[:, ONE] += near_k
        q2[:, ONE] += near_q
        q3[:, ONE] += near_q
        p["3.k"][D:] = k
        p["3.q"][2 * D:3 * D], p["3.q"][3 * D:] = q2, q3
        v = torch.zeros(D, C)
        v[:width, part(BACK2)] = torch.eye(width)
        rest = basis(D - width, wide)
        v[width:, part(TOKEN)] = rest
        p["3.v"][D:] = v
        p["3.o"][part(SAID), 2 * D:2 * D + width] += speak @ back2.t() * 1.4
        p["3.o"][part(SAID), 3 * D + width:] += speak @ rest.t() * 1.2
        # Later layers: alike queries and keys on the slow pairs.
        for i in range(4, L):
            p[f"{i}.qn"].fill_(2.0)
            p[f"{i}.kn"].fill_(2.0)
            for kv in range(2):
                key = normal(D, C, std=0.06)
                p[f"{i}.k"][kv * D:(kv + 1) * D] = key
                for head in (2 * kv, 2 * kv + 1):
                    p[f"{i}.q"][head * D:(head + 1) * D] = (key if head % 2 == 0 else 0) + normal(D, C, std=0.03)
            p[f"{i}.v"].copy_(normal(2 * D, C, std=0.06))
            for head in range(4):
                p[f"{i}.o"][:, head * D:(head + 1) * D] = p[f"{i}.v"][head // 2 * D:(head // 2 + 1) * D].t() * 0.5
