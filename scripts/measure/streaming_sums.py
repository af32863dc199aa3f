"""Attention and routing statistics of one forward pass as streaming sums: what `acc mechanism` measures, in PyTorch.

Nothing of size T x T exists: queries are taken some at a time against all keys, so memory grows with T alone. The
definitions are those of src/mechanism/definitions.ts; the document is that of src/mechanism/document.ts.

Shapes: T tokens, H query heads, K kv heads, D head dim, E experts, k experts per token.
"""
import bisect
import math

import torch

#: Numbers that a block of scores [H, queries, T] may have: 128 MiB of f32 each time it is held.
BLOCK_NUMBERS = 1 << 25
#: Columns of a row of attention sums before the masses of segments.
DISTANCE, SINK_EXCLUDED, RELATIVE, ENTROPY, NORMALIZED, BEHIND_SINK, HITS, QUERIES = range(8)
HEAD_NUMBERS = 8
CLASSES = ["template", "context", "gold", "distractor", "question", "rationale", "answer"]
CLASS_OF_ROLE = {"template": 0, "context": 1, "question": 4, "rationale": 5, "answer": 6}
QUERY_CLASS = 7
MOST_SAMPLED = 1024


def bin_start(index, bins, tokens):
    return index * tokens // bins


def histogram_bins(tokens):
    return 1 + math.ceil(math.log2(max(tokens, 2)))


class Item:
    """One line of the items file: token ids, pieces of evidence, roles, and the tokens that count as queries."""

    def __init__(self, line, settings):
        self.line = line
        self.ids = line["ids"]
        self.tokens = len(self.ids)
        roles = [role for start, end, role in line["roles"] for _ in range(start, end)]
        self.gold = self._inside("gold")
        other = self._inside("distractor")
        self.positions = [
            t for t in range(1, self.tokens) if line["queries"] == "all" or roles[t] in ("rationale", "answer")
        ]
        in_gold = {token for token, inside in zip(self.ids, self.gold) if inside}
        self.copies = [
            t for t in range(self.tokens - 1) if roles[t + 1] == "answer" and self.ids[t + 1] in in_gold
        ]
        self.classes = [
            2 if self.gold[t] else 3 if other[t] else CLASS_OF_ROLE[roles[t]] for t in range(self.tokens)
        ]
        starts = {0, settings["sinkTokens"]}
        for piece in line["evidence"]:
            starts.update((piece["start"], piece["end"]))
        starts.update(bin_start(b, settings["bins"], self.tokens) for b in range(settings["bins"]))
        self.position_starts = sorted(start for start in starts if start < self.tokens)
        distances = {0, *(t + 1 for t in settings["thresholds"])}
        distances.update(2 ** (b - 1) for b in range(1, histogram_bins(self.tokens)))
        self.distance_starts = sorted(start for start in distances if start < self.tokens)

    def _inside(self, role):
        inside = [False] * self.tokens
        for piece in self.line["evidence"]:
            if piece["role"] == role:
                inside[piece["start"] : piece["end"]] = [True] * (piece["end"] - piece["start"])
        return inside

    def sampled(self):
        """Queries whose chosen experts are kept for comparing subjects: all, or 16 runs of 64 neighbours."""
        count, runs = len(self.positions), 16
        if count <= MOST_SAMPLED:
            return self.positions
        length = MOST_SAMPLED // runs
        starts = [n * (count - length) // (runs - 1) for n in range(runs)]
        return [t for start in starts for t in self.positions[start : start + length]]


def segment_of(starts, count):
    """[count] the segment that each index lies in; `starts` ascend from 0."""
    return [bisect.bisect_right(starts, index) - 1 for index in range(count)]


class ItemStatistics:
    """Sums over one item on one subject. Call `attention` and `router` for every layer, in any order and chunks."""

    def __init__(self, item, shape, settings):
        self.item = item
        self.shape = shape
        self.settings = settings
        self.width = HEAD_NUMBERS + len(item.position_starts) + len(item.distance_starts)
        self.sums = torch.zeros(shape["layers"], shape["heads"], self.width, dtype=torch.float64)
        self.routing = {}
        self.listed = sorted({*item.positions, *item.copies})
        self.measured = set(item.positions)
        self.copied = set(item.copies)
        self.moved = {}

    def on(self, device, name, make):
        """A tensor made once for each device."""
        if (device, name) not in self.moved:
            self.moved[device, name] = make().to(device)
        return self.moved[device, name]

    @torch.no_grad()
    def attention(self, layer, q, k, scale, window=None, first=0):
        """q [H, n, D] of tokens first … first + n - 1, k [K, all tokens so far, D], both after RoPE."""
        item, device = self.item, q.device
        heads, keys = q.shape[0], k.shape[1]
        listed = [t for t in self.listed if first <= t < first + q.shape[1]]
        if not listed:
            return
        k = k.float()
        exact = torch.float32 if device.type == "mps" else torch.float64
        by_position = torch.zeros(heads, item.tokens, dtype=exact, device=device)
        by_distance = torch.zeros(heads, item.tokens, dtype=exact, device=device)
        step = max(1, BLOCK_NUMBERS // (heads * keys))
        j = torch.arange(keys, device=device)
        sink = self.settings["sinkTokens"]
        out = self.sums[layer]
        for at in range(0, len(listed), step):
            block = listed[at : at + step]
            t = torch.tensor(block, device=device)
            distance = t[:, None] - j[None, :]
            visible = distance >= 0
            if window:
                visible &= distance < window
            # Query head h reads kv head h // (H / K): the heads of one kv head are rows of one product.
            rows = q[:, t - first].float().reshape(k.shape[0], -1, q.shape[2])
            scores = torch.matmul(rows, k.transpose(1, 2)).view(heads, len(block), keys) * scale
            scores = scores.masked_fill(~visible, float("-inf"))
            # Shifted by the row's maximum, scores are what the entropy needs and never overflow.
            scores = scores - scores.amax(-1, keepdim=True)
            alpha = scores.exp()
            total = alpha.sum(-1, keepdim=True)
            alpha = alpha / total
            weighted = torch.where(visible, scores, torch.zeros((), device=device)) * alpha
            entropy = total[..., 0].log() - weighted.sum(-1)
            del scores, weighted
            near = distance.clamp(min=0).to(alpha.dtype)
            mean = (alpha * near).sum(-1)
            behind = alpha[..., sink:]
            rest = behind.sum(-1)
            mean_behind = (behind * near[..., sink:]).sum(-1) / rest.clamp(min=1e-30)
            counts = visible.sum(-1).to(alpha.dtype)
            normalized = torch.where(counts > 1, entropy / counts.log().clamp(min=1e-30), torch.zeros_like(entropy))
            is_measured = torch.tensor([one in self.measured for one in block], device=device)
            is_behind = is_measured & (t >= sink)

            def add(column, values, rows):
                out[:, column] += values[:, rows].double().sum(-1).cpu()

            add(DISTANCE, mean, is_measured)
            add(SINK_EXCLUDED, mean_behind, is_behind)
            add(RELATIVE, mean / t.clamp(min=1).to(mean.dtype), is_measured)
            add(ENTROPY, entropy, is_measured)
            add(NORMALIZED, normalized, is_measured)
            out[:, BEHIND_SINK] += int(is_behind.sum())
            out[:, QUERIES] += int(is_measured.sum())
            is_copy = torch.tensor([one in self.copied for one in block], device=device)
            if bool(is_copy.any()):
                ids = self.on(device, "ids", lambda: torch.tensor(item.ids))
                gold = self.on(device, "gold", lambda: torch.tensor(item.gold))
                # The first of equals: a key's place is added as long as it is the largest.
                best = (alpha == alpha.amax(-1, keepdim=True)).to(torch.uint8).argmax(-1)
                wanted = ids[(t + 1).clamp(max=item.tokens - 1)]
                add(HITS, (gold[best] & (ids[best] == wanted[None])), is_copy)
            kept = alpha[:, is_measured]
            by_position[:, :keys] += kept.sum(1)
            places = (t[is_measured][:, None] - j[None, :]).clamp(min=0)
            turned = kept.gather(2, places[None].expand(heads, -1, -1))
            turned = turned * (j[None, :] <= t[is_measured][:, None])
            by_distance[:, :keys] += turned.sum(1)
        positions = len(item.position_starts)
        segments = torch.tensor(segment_of(item.position_starts, item.tokens))
        out[:, HEAD_NUMBERS : HEAD_NUMBERS + positions].index_add_(1, segments, by_position.double().cpu())
        segments = torch.tensor(segment_of(item.distance_starts, item.tokens))
        out[:, HEAD_NUMBERS + positions :].index_add_(1, segments, by_distance.double().cpu())

    @torch.no_grad()
    def router(self, layer, logits, per_token, renormalise, first=0):
        """logits [n, E] of tokens first … first + n - 1, before the softmax over all experts."""
        item, (count, experts) = self.item, logits.shape
        if count == 0:
            return
        own = self.routing.setdefault(
            layer,
            {
                "sums": torch.zeros(8, experts, 2, dtype=torch.float64),
                "entropy": 0.0,
                "pairs": torch.zeros(2, experts, experts, dtype=torch.float64),
                "choices": {},
            },
        )
        gate = torch.softmax(logits.float(), -1)
        # Stable, so that the lowest index is the first of equals.
        order = torch.sort(gate, dim=-1, descending=True, stable=True)
        chosen = order.indices[:, :per_token].cpu()
        weight = order.values[:, :per_token]
        if renormalise:
            weight = weight / weight.sum(-1, keepdim=True)
        weight = weight.double().cpu()
        entropy = -(gate * gate.clamp(min=1e-30).log()).sum(-1).double().cpu()
        queries = [t for t in item.positions if first <= t < first + count]
        rows = [(torch.tensor(item.classes[first : first + count]), torch.arange(count))]
        if queries:
            at = torch.tensor(queries) - first
            rows.append((torch.full((len(queries),), QUERY_CLASS), at))
            own["entropy"] += float(entropy[at].sum())
            picks = torch.nn.functional.one_hot(chosen[at], experts).double()
            together = picks.sum(1)
            own["pairs"][0] += together.T @ together
            neighbours = torch.zeros(experts, experts, dtype=torch.float64)
            for slot in range(per_token - 1):
                neighbours += picks[:, slot].T @ picks[:, slot + 1]
            own["pairs"][1] += neighbours + neighbours.T + torch.diag(together.sum(0))
        for classes, at in rows:
            flat = (classes[:, None] * experts + chosen[at]).reshape(-1)
            view = own["sums"].view(8 * experts, 2)
            view[:, 0].index_add_(0, flat, torch.ones(flat.numel(), dtype=torch.float64))
            view[:, 1].index_add_(0, flat, weight[at].reshape(-1))
        for t in item.sampled():
            if first <= t < first + count:
                own["choices"][t] = chosen[t - first].tolist()

    def plain(self):
        """The sums as lists, for the file of one rank."""
        return {
            "sums": self.sums.tolist(),
            "routing": {
                str(layer): {
                    "sums": own["sums"].tolist(),
                    "entropy": own["entropy"],
                    "pairs": own["pairs"].tolist(),
                    "choices": [own["choices"][t] for t in self.item.sampled()],
                }
                for layer, own in self.routing.items()
            },
        }
