import { assert } from '../core/assert.ts';
import type { EngineDevice } from '../gpu/device.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { ropeFrequencies, ropeTable } from '../model/rope.ts';
import { readTensorFloats } from '../model/tensorData.ts';
import { Trainer } from '../train/trainer.ts';
import type { TrainerOptions, TrainerState, TrainingRow } from '../train/types.ts';

/** An engine with a model in training: one AdamW step a call, whose loss (before the update) comes back. */
export interface TrainingContestant {
  readonly name: string;
  step(): Promise<number>;
  release(): void;
}

/** What all train: the same weights, adapters, tokens and hyperparameters. */
export interface TrainingProblem {
  readonly checkpoint: Checkpoint;
  readonly options: TrainerOptions;
  readonly row: TrainingRow;
  readonly learningRate: number;
}

/** Our trainer, and the adapters that it starts from. */
export async function ourTraining(
  engine: EngineDevice,
  { checkpoint, options, row, learningRate }: TrainingProblem,
  name: string,
): Promise<{ contestant: TrainingContestant; start: TrainerState }> {
  const trainer = await Trainer.create(engine, checkpoint, options);
  const start = await trainer.state();
  return {
    start,
    contestant: {
      name,
      step: async () => (await trainer.step([[row]], learningRate)).loss,
      release: () => {
        trainer.destroy();
      },
    },
  };
}

/** The dense model with low-rank pairs on q and v in jax-js operations, differentiated and compiled by it. */
export async function jaxTraining(
  { checkpoint, options, row, learningRate }: TrainingProblem,
  start: TrainerState,
): Promise<TrainingContestant> {
  const jax = await import('@jax-js/jax');
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js found no WebGPU');
  jax.defaultDevice('webgpu');
  const np = jax.numpy;
  type Tensor = ReturnType<typeof np.array>;
  const { config } = checkpoint;
  assert(config.moe === null, 'only the dense model is written in jax-js operations');
  const { headDim: d, numAttentionHeads: h, numKeyValueHeads: k, hiddenSize: c, rmsNormEps: eps } = config;
  const count = row.ids.length;
  const tensor = (data: Float32Array, shape: number[]): Tensor => np.array(data).reshape(shape);
  const floats = async (name: string): Promise<Float32Array> => {
    const location = checkpoint.tensors.get(name);
    assert(location !== undefined, `tensor ${name}`);
    return readTensorFloats(location);
  };
  /** [out, in] of the file as [in, out], so that x · W needs no transposition. */
  const matrix = async (name: string, out: number, inner: number): Promise<Tensor> => {
    const data = await floats(name);
    const turned = new Float32Array(data.length);
    for (let o = 0; o < out; o++) for (let i = 0; i < inner; i++) turned[i * out + o] = data[o * inner + i]!;
    return tensor(turned, [inner, out]);
  };
  const width = config.intermediateSize;
  const frozenLayer = async (layer: number) => {
    const p = `model.layers.${layer}`;
    return {
      inputNorm: tensor(await floats(`${p}.input_layernorm.weight`), [c]),
      postNorm: tensor(await floats(`${p}.post_attention_layernorm.weight`), [c]),
      qNorm: tensor(await floats(`${p}.self_attn.q_norm.weight`), [d]),
      kNorm: tensor(await floats(`${p}.self_attn.k_norm.weight`), [d]),
      q: await matrix(`${p}.self_attn.q_proj.weight`, h * d, c),
      k: await matrix(`${p}.self_attn.k_proj.weight`, k * d, c),
      v: await matrix(`${p}.self_attn.v_proj.weight`, k * d, c),
      o: await matrix(`${p}.self_attn.o_proj.weight`, c, h * d),
      gate: await matrix(`${p}.mlp.gate_proj.weight`, width, c),
      up: await matrix(`${p}.mlp.up_proj.weight`, width, c),
      down: await matrix(`${p}.mlp.down_proj.weight`, c, width),
    };
  };
  const layers = await Promise.all(config.layers.map((_, layer) => frozenLayer(layer)));
  const finalNorm = tensor(await floats('model.norm.weight'), [c]);
  const head = await matrix('lm_head.weight', config.vocabSize, c);
  const table = await floats('model.embed_tokens.weight');
  const embedded = new Float32Array(count * c);
  row.ids.forEach((id, t) => {
    embedded.set(table.subarray(id * c, (id + 1) * c), t * c);
  });
  const input = tensor(embedded, [count, c]);
  const angles = ropeTable(ropeFrequencies(config, count), 0, count);
  const cos = tensor(angles.cos, [count, 1, d / 2]);
  const sin = tensor(angles.sin, [count, 1, d / 2]);
  const masked = new Float32Array(count * count);
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) masked[i * count + j] = -1e30;
  const mask = tensor(masked, [1, count, count]);
  const hot = new Float32Array(count * config.vocabSize);
  let supervised = 0;
  row.labels.forEach((label, t) => {
    if (label < 0) return;
    hot[t * config.vocabSize + label] = 1;
    supervised++;
  });
  const labels = tensor(hot, [count, config.vocabSize]);

  const { alpha, rank } = options.lora;
  const norm = (x: Tensor, weight: Tensor): Tensor => {
    const mean = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.mul(np.reciprocal(np.sqrt(mean.add(eps)))).mul(weight.ref);
  };
  const rotate = (x: Tensor): Tensor => {
    const [a, b] = np.split(x, 2, -1) as [Tensor, Tensor];
    const left = a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref));
    const right = b.mul(cos.ref).add(a.mul(sin.ref));
    return np.concatenate([left, right], -1);
  };
  /** Trained tensors in order: per layer A and B of q, A and B of v, each as it multiplies from the right. */
  const loss = (...trained: Tensor[]): Tensor => {
    let x = input.ref;
    const adapted = (y: Tensor, from: Tensor, index: number): Tensor =>
      y.add(np.matmul(np.matmul(from, trained[index]!.ref), trained[index + 1]!.ref).mul(alpha / rank));
    layers.forEach((w, layer) => {
      const n = norm(x.ref, w.inputNorm);
      const q = adapted(np.matmul(n.ref, w.q.ref), n.ref, layer * 4);
      const v = adapted(np.matmul(n.ref, w.v.ref), n.ref, layer * 4 + 2);
      const key = np.matmul(n, w.k.ref);
      const qh = rotate(norm(q.reshape([count, h, d]), w.qNorm));
      const kh = np.repeat(rotate(norm(key.reshape([count, k, d]), w.kNorm)), h / k, 1);
      const vh = np.repeat(v.reshape([count, k, d]), h / k, 1);
      const scores = np
        .einsum('ihd,jhd->hij', qh, kh)
        .mul(d ** -0.5)
        .add(mask.ref);
      const attended = np.einsum('hij,jhd->ihd', jax.nn.softmax(scores, -1), vh).reshape([count, h * d]);
      x = x.add(np.matmul(attended, w.o.ref));
      const m = norm(x.ref, w.postNorm);
      const inner = jax.nn.silu(np.matmul(m.ref, w.gate.ref)).mul(np.matmul(m, w.up.ref));
      x = x.add(np.matmul(inner, w.down.ref));
    });
    const logits = np.matmul(norm(x, finalNorm), head.ref);
    trained.forEach((one) => {
      one.dispose();
    });
    return np.sum(jax.nn.logSoftmax(logits, -1).mul(labels.ref)).mul(-1 / supervised);
  };
  const trained: Tensor[] = [];
  for (let layer = 0; layer < config.layers.length; layer++) {
    for (const name of ['q_proj', 'v_proj']) {
      const pair = start.tensors.get(`model.layers.${layer}.self_attn.${name}`);
      assert(pair !== undefined, `adapter of ${name}`);
      const turn = (data: Float32Array, rows: number, cols: number): Tensor => {
        const turned = new Float32Array(data.length);
        for (let r = 0; r < rows; r++)
          for (let i = 0; i < cols; i++) turned[i * rows + r] = data[r * cols + i]!;
        return tensor(turned, [cols, rows]);
      };
      trained.push(turn(pair.loraA, rank, c), turn(pair.loraB, pair.outFeatures, rank));
    }
  }
  const indices = trained.map((_, index) => index);
  const gradients = jax.jit(jax.valueAndGrad(loss, { argnums: indices }));
  const { beta1, beta2, epsilon } = options;
  /** The update of one tensor, decay and clipping off: [θ, m, v]. `correction` holds 1/(1 - β1ᵗ) and 1/(1 - β2ᵗ). */
  const update = jax.jit(
    (value: Tensor, g: Tensor, m: Tensor, v: Tensor, first: Tensor, second: Tensor): Tensor[] => {
      const nextM = m.mul(beta1).add(g.ref.mul(1 - beta1));
      const nextV = v.mul(beta2).add(np.square(g).mul(1 - beta2));
      const root = np.sqrt(nextV.ref.mul(second)).add(epsilon);
      return [value.sub(nextM.ref.mul(first).mul(learningRate).div(root)), nextM, nextV];
    },
  );
  const moments = trained.map((one) => [np.zerosLike(one.ref), np.zerosLike(one.ref)] as [Tensor, Tensor]);
  let done = 0;
  return {
    name: 'jax-js',
    async step() {
      done++;
      const [value, slopes] = gradients(...trained.map((one) => one.ref)) as unknown as [Tensor, Tensor[]];
      const [first, second] = [1 / (1 - beta1 ** done), 1 / (1 - beta2 ** done)];
      trained.forEach((one, index) => {
        const [m, v] = moments[index]!;
        const result = update(one, slopes[index]!, m, v, np.array(first), np.array(second));
        trained[index] = result[0]!;
        moments[index] = [result[1]!, result[2]!];
      });
      await jax.blockUntilReady(trained);
      return ((await value.data()) as Float32Array)[0] ?? NaN;
    },
    release() {
      for (const one of [...trained, ...moments.flat()]) one.dispose();
    },
  };
}
