import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { positionsNote, ropeFrequencies, ropeTable } from '../../src/model/rope.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/model/safetensors.ts';
import { bytesSource, fixtureFiles } from '../helpers/checkpoint.ts';

function fixtureConfig(model: string): JsonObject {
  return JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../fixtures/models', model, 'config.json'), 'utf8'),
  ) as JsonObject;
}

describe('config.json', () => {
  it('gives layers, experts and stop tokens of a MoE checkpoint', () => {
    const config = readModelConfig(fixtureConfig('tiny-moe'), { eos_token_id: [312, 311] });
    expect(config.layers.map((layer) => layer.mlp)).toEqual(['dense', 'moe', 'moe']);
    expect(config.moe).toEqual({
      numExperts: 8,
      numExpertsPerTok: 2,
      moeIntermediateSize: 32,
      normTopkProb: true,
    });
    expect(config.eosTokenIds).toEqual([312, 311]);
    expect(config.headDim * config.numAttentionHeads).toBe(64);
  });

  it('reads the spelling of transformers 5', () => {
    const { rope_theta: theta, num_experts: experts, ...rest } = fixtureConfig('tiny-moe');
    const config = readModelConfig({
      ...rest,
      num_local_experts: experts!,
      rope_parameters: {
        rope_theta: theta!,
        rope_type: 'yarn',
        factor: 4,
        original_max_position_embeddings: 32768,
      },
    });
    expect(config.moe?.numExperts).toBe(8);
    expect(config.ropeScaling).toMatchObject({
      type: 'yarn',
      factor: 4,
      originalMaxPositionEmbeddings: 32768,
    });
    expect(config.ropeTheta).toBe(1e6);
  });

  it.each([
    [{ model_type: 'llama' }, /model type/],
    [{ hidden_act: 'gelu' }, /activation/],
    [{ quantization_config: { bits: 4 } }, /quantised elsewhere/],
    [{ rope_scaling: { rope_type: 'longrope', factor: 2 } }, /rope scaling/],
    [{ num_key_value_heads: 3 }, /num_key_value_heads/],
    [{ hidden_size: 'many' }, /hidden_size/],
    [{ head_dim: 24 }, /head_dim.*expected a multiple of 16 up to 256; found 24/],
    [{ head_dim: 272 }, /head_dim/],
    [{ intermediate_size: 130 }, /intermediate_size.*expected a multiple of 4; found 130/],
  ])('refuses %j and says what differs', (change, message) => {
    expect(() => readModelConfig({ ...fixtureConfig('tiny-dense'), ...change })).toThrow(message);
  });

  it.each([
    [{ num_experts: 513 }, /num_experts.*expected at most 512; found 513/],
    [{ num_experts: 64, num_experts_per_tok: 33 }, /num_experts_per_tok.*expected at most 32; found 33/],
    [{ num_experts_per_tok: 9 }, /num_experts_per_tok.*expected at most 8; found 9/],
    [{ moe_intermediate_size: 30 }, /moe_intermediate_size.*expected a multiple of 4; found 30/],
  ])('refuses experts that the kernels do not take: %j', (change, message) => {
    expect(() => readModelConfig({ ...fixtureConfig('tiny-moe'), ...change })).toThrow(message);
  });

  it.each([
    ['yarn', 131_072],
    ['dynamic', 40_960],
    ['linear', 40_960],
    ['default', 40_960],
  ])('reaches the positions that %s scaling stretches to', (type, positions) => {
    const scaling = { rope_type: type, factor: 4, original_max_position_embeddings: 32_768 };
    const config = readModelConfig({ ...fixtureConfig('tiny-dense'), rope_scaling: scaling });
    expect(config.maxPositionEmbeddings).toBe(positions);
  });

  it('lets windows slide from max_window_layers on (dense) or everywhere (MoE)', () => {
    const sliding = { use_sliding_window: true, sliding_window: 9 };
    const windows = (model: string) =>
      readModelConfig({ ...fixtureConfig(model), ...sliding }).layers.map((layer) => layer.slidingWindow);
    expect(windows('tiny-dense')).toEqual([null, 9]);
    expect(windows('tiny-moe')).toEqual([9, 9, 9]);
  });
});

describe('rope', () => {
  it('scales by YaRN as published for Qwen3 at 4 × 32,768', () => {
    const config = readModelConfig({
      ...fixtureConfig('tiny-dense'),
      head_dim: 128,
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32768 },
    });
    const { inverse, attentionFactor } = ropeFrequencies(config);
    expect(attentionFactor).toBeCloseTo(1.13863, 5);
    const plain = (j: number) => 1e6 ** ((-2 * j) / 128);
    expect(inverse[23]).toBeCloseTo(plain(23), 9);
    expect(inverse[40]! / (plain(40) / 4)).toBeCloseTo(1, 6);
    expect(ropeTable({ inverse, attentionFactor }, 5, 1).cos[0]).toBeCloseTo(
      Math.cos(5) * attentionFactor,
      6,
    );
  });
});

describe('dynamic rope scaling', () => {
  it('changes nothing up to the positions of the file, as in transformers, and reaches no further', () => {
    const plain = readModelConfig(fixtureConfig('tiny-dense'));
    const config = readModelConfig({
      ...fixtureConfig('tiny-dense'),
      rope_scaling: { rope_type: 'dynamic', factor: 4 },
    });
    expect(ropeFrequencies(config)).toEqual(ropeFrequencies(plain));
    expect(config.maxPositionEmbeddings).toBe(plain.maxPositionEmbeddings);
    expect(positionsNote(config)).toMatch(/dynamic rope scaling.*not supported/);
    expect(positionsNote(plain)).toBe('');
  });
});

describe('safetensors', () => {
  it('round-trips', async () => {
    const file = writeSafetensors([{ name: 'a', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }], {
      format: 'pt',
    });
    const { tensors, metadata } = await readSafetensorsHeader(bytesSource('x', file));
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors[0]).toMatchObject({ name: 'a', dtype: 'F32', shape: [2, 3] });
    expect([...new Float32Array(file.slice(tensors[0]!.start).buffer)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  function withHeader(header: unknown, dataBytes = 24): Uint8Array {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
    const file = new Uint8Array(8 + text.length + dataBytes);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
    file.set(text, 8);
    return file;
  }
  const tensor = (start: number, end: number) => ({
    dtype: 'F32',
    shape: [(end - start) / 4],
    data_offsets: [start, end],
  });
  it.each([
    ['overlapping tensors', withHeader({ a: tensor(0, 16), b: tensor(8, 24) }), /overlap/],
    ['a tensor beyond the file', withHeader({ a: tensor(0, 64) }), /beyond the file/],
    ['a size that contradicts the shape', withHeader({ a: { ...tensor(0, 16), shape: [5] } }), /wrong size/],
    ['a type that does not exist', withHeader({ a: { ...tensor(0, 16), dtype: 'Q4' } }), /described wrongly/],
    [
      'negative offsets',
      withHeader({ a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }),
      /described wrongly/,
    ],
    ['a header that is no JSON', withHeader('{"a":'), /not JSON/],
    ['a header longer than the file', Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0), /does not fit/],
    ['four bytes', new Uint8Array(4), /too short/],
    [
      'a pointer of git-lfs',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'),
      /git-lfs/,
    ],
  ])('refuses %s', async (_name, file, message) => {
    await expect(readSafetensorsHeader(bytesSource('x', file))).rejects.toThrow(message);
  });
});

describe('checkpoint', () => {
  it('opens one file or several, and finds every tensor', async () => {
    const dense = await openCheckpoint(fixtureFiles('tiny-dense'));
    expect(dense.expertLayout).toBe('none');
    const moe = await openCheckpoint(fixtureFiles('tiny-moe'));
    expect(moe.expertLayout).toBe('per-expert');
    expect(moe.unusedTensors).toEqual([]);
    expect(moe.tensors.get('model.layers.2.mlp.experts.7.down_proj.weight')?.dtype).toBe('BF16');
  });

  it('leaves a head tensor aside where config.json ties the head to the embedding', async () => {
    const config = JSON.stringify({ ...fixtureConfig('tiny-moe'), tie_word_embeddings: true });
    const checkpoint = await openCheckpoint(fixtureFiles('tiny-moe', { 'config.json': config }));
    expect(checkpoint.unusedTensors).toEqual(['lm_head.weight']);
  });

  it('takes the chat template from its own file before that of tokenizer_config.json', async () => {
    const files = { 'tokenizer_config.json': '{"eos_token":"<e>","chat_template":"old"}' };
    const template = async (more: Record<string, string>): Promise<unknown> =>
      (await openCheckpoint(fixtureFiles('tiny-dense', { ...files, ...more }))).tokenizerConfig;
    expect(await template({})).toEqual({ eos_token: '<e>', chat_template: 'old' });
    expect(await template({ 'chat_template.jinja': 'new' })).toEqual({
      eos_token: '<e>',
      chat_template: 'new',
    });
  });

  it.each([
    ['no config.json', { 'config.json': null }, /no model/],
    [
      'a missing shard',
      { 'model-00002-of-00002.safetensors': null },
      /model-00002-of-00002.safetensors are missing/,
    ],
    [
      'weights as a pickle',
      {
        'model.safetensors.index.json': null,
        'pytorch_model.bin': new Uint8Array(8),
      },
      /pytorch_model.bin is not read/,
    ],
    [
      'a config that disagrees with the weights',
      { 'config.json': JSON.stringify({ ...fixtureConfig('tiny-moe'), moe_intermediate_size: 48 }) },
      /expected \[48, 64\]; found \[32, 64\]/,
    ],
    [
      'a config with more layers than the weights',
      { 'config.json': JSON.stringify({ ...fixtureConfig('tiny-moe'), num_hidden_layers: 4 }) },
      /lacks the tensor "model.layers.3/,
    ],
  ])('names what is wrong with %s', async (_name, replaced, message) => {
    await expect(openCheckpoint(fixtureFiles('tiny-moe', replaced))).rejects.toThrow(message);
  });
});
