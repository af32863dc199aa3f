import type * as Jax from '@jax-js/jax';
import { assert } from '../core/assert.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { ropeFrequencies, ropeTable } from '../model/rope.ts';
import { readTensorFloats } from '../model/tensorData.ts';

export type Tensor = ReturnType<typeof Jax.numpy.array>;

/** A projection that a caller may add to: its result y of `from`. */
export type Adapt = (y: Tensor, from: Tensor, layer: number, projection: 'q_proj' | 'v_proj') => Tensor;

/** The dense model in jax-js operations for sequences of one length T; operations consume their operands. */
interface JaxModel {
  readonly jax: typeof Jax;
  /** An array of that shape. */
  readonly tensor: (data: Float32Array, shape: number[]) => Tensor;
  /** Embeddings [T, C] of T tokens. */
  readonly embed: (ids: ArrayLike<number>) => Tensor;
  /** The residual stream [T, C] after all layers. */
  readonly hidden: (embedded: Tensor, adapt?: Adapt) => Tensor;
  /** Logits [rows, V] of rows of the residual stream. */
  readonly logits: (rows: Tensor) => Tensor;
}

/** [out, in] of a file as [in, out], so that x · W needs no transposition. */
export function turned(data: Float32Array, out: number, inner: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let o = 0; o < out; o++) for (let i = 0; i < inner; i++) result[i * out + o] = data[o * inner + i]!;
  return result;
}

/** Puts the weights of a dense checkpoint on jax-js's WebGPU device, for sequences of `count` tokens. */
export async function jaxModel(checkpoint: Checkpoint, count: number): Promise<JaxModel> {
  const jax = await import('@jax-js/jax');
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js found no WebGPU');
  jax.defaultDevice('webgpu');
  const np = jax.numpy;
  const { config } = checkpoint;
  assert(config.moe === null, 'only the dense model is written in jax-js operations');
  const { headDim: d, numAttentionHeads: h, numKeyValueHeads: k, hiddenSize: c, rmsNormEps: eps } = config;
  const tensor = (data: Float32Array, shape: number[]): Tensor => np.array(data).reshape(shape);
  const floats = async (name: string): Promise<Float32Array> => {
    const location = checkpoint.tensors.get(name);
    assert(location !== undefined, `tensor ${name}`);
    return readTensorFloats(location);
  };
  const matrix = async (name: string, out: number, inner: number): Promise<Tensor> =>
    tensor(turned(await floats(name), out, inner), [inner, out]);
  const width = config.intermediateSize;
  const layerWeights = async (layer: number) => {
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
  const layers = await Promise.all(config.layers.map((_, layer) => layerWeights(layer)));
  const finalNorm = tensor(await floats('model.norm.weight'), [c]);
  const head = await matrix('lm_head.weight', config.vocabSize, c);
  const table = await floats('model.embed_tokens.weight');
  const angles = ropeTable(ropeFrequencies(config), 0, count);
  const cos = tensor(angles.cos, [count, 1, d / 2]);
  const sin = tensor(angles.sin, [count, 1, d / 2]);
  const masked = new Float32Array(count * count);
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) masked[i * count + j] = -1e30;
  const mask = tensor(masked, [1, count, count]);

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
  const plain: Adapt = (y, from) => {
    from.dispose();
    return y;
  };
  return {
    jax,
    tensor,
    embed(ids) {
      const embedded = new Float32Array(count * c);
      for (let t = 0; t < count; t++) embedded.set(table.subarray(ids[t]! * c, (ids[t]! + 1) * c), t * c);
      return tensor(embedded, [count, c]);
    },
    hidden(embedded, adapt = plain) {
      let x = embedded;
      layers.forEach((w, layer) => {
        const n = norm(x.ref, w.inputNorm);
        const q = adapt(np.matmul(n.ref, w.q.ref), n.ref, layer, 'q_proj');
        const v = adapt(np.matmul(n.ref, w.v.ref), n.ref, layer, 'v_proj');
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
      return x;
    },
    logits: (rows) => np.matmul(norm(rows, finalNorm), head.ref),
  };
}
