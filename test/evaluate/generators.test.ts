import { describe, expect, it } from 'vitest';
import { sequenceRatio } from '../../src/evaluate/difflib.ts';
import { parseTask, solveTask } from '../../src/evaluate/graphwalks.ts';
import { generateGraphWalks, nodeId, nodesForTokens } from '../../src/evaluate/graphwalksGenerator.ts';
import {
  gradeMrcr,
  mrcrBin,
  mrcrViolations,
  needleIndices,
  readMrcrRow,
  wrongNeedleFloor,
} from '../../src/evaluate/mrcr.ts';
import { generateMrcr } from '../../src/evaluate/mrcrGenerator.ts';
import type { JsonValue } from '../../src/core/json.ts';

/** Words and punctuation: stands for a tokenizer where only lengths matter. */
const count = (text: string): number => text.match(/\w+|[^\w\s]/g)?.length ?? 0;

describe('GraphWalks generator', () => {
  it('names nodes as the published rows do', () => {
    expect([0, 1, 2, 10].map(nodeId)).toEqual(['cfcd208495', 'c4ca4238a0', 'c81e728d9d', 'd3d9446802']);
  });

  it.each(['bfs', 'parents'] as const)('gives answers that an independent solver finds: %s', (problem) => {
    for (let seed = 0; seed < 100; seed++) {
      const row = generateGraphWalks({
        problem,
        nodes: 5 + seed,
        outDegree: 1 + (seed % 4),
        depth: 1 + (seed % 3),
        seed,
      });
      const task = parseTask(row.prompt)!;
      // Matrix powers instead of a queue: depth n is the first power that reaches the node.
      const names = [...new Set(task.edges.flat())];
      const at = new Map(names.map((name, i) => [name, i]));
      const start = at.get(task.operation.node)!;
      let expected: string[];
      if (problem === 'parents') {
        expected = names.filter(
          (name) =>
            name !== task.operation.node &&
            task.edges.some(([f, t]) => f === name && t === task.operation.node),
        );
      } else {
        const first = new Map<number, number>([[start, 0]]);
        let reach = new Set([start]);
        for (let depth = 1; depth <= task.operation.depth; depth++) {
          reach = new Set(
            task.edges.filter(([from]) => reach.has(at.get(from)!)).map(([, to]) => at.get(to)!),
          );
          for (const node of reach) if (!first.has(node)) first.set(node, depth);
        }
        expected = names.filter((_, i) => first.get(i) === task.operation.depth);
      }
      expect([...row.answer_nodes].sort()).toEqual(expected.sort());
      expect([...solveTask(task)].sort()).toEqual(expected.sort());
    }
  });

  it('keeps constant out-degree, groups edges by source, and repeats from its seed', () => {
    const options = { problem: 'bfs', nodes: 20, outDegree: 3, depth: 2, seed: 4 } as const;
    const row = generateGraphWalks(options);
    expect(generateGraphWalks(options)).toEqual(row);
    expect(generateGraphWalks({ ...options, seed: 5 }).prompt).not.toBe(row.prompt);
    const sources = parseTask(row.prompt)!.edges.map(([from]) => from);
    expect(sources).toEqual(Array.from({ length: 20 }, (_, i) => [nodeId(i), nodeId(i), nodeId(i)]).flat());
  });

  it('comes close below a token target', () => {
    const nodes = nodesForTokens(2000, 2, count);
    const { prompt } = generateGraphWalks({ problem: 'parents', nodes, outDegree: 2, depth: 1, seed: 0 });
    expect(count(prompt)).toBeGreaterThan(1700);
    expect(count(prompt)).toBeLessThanOrEqual(2000);
  });
});

describe('MRCR generator', () => {
  it.each([
    [2, 420],
    [2, 1000],
    [4, 2000],
    [8, 6000],
  ])('%i needles in %i tokens hold the invariants of the published rows', (needles, tokens) => {
    for (let seed = 0; seed < 20; seed++) {
      const made = generateMrcr({ needles, tokens, seed }, count);
      const row = readMrcrRow(made as unknown as JsonValue, 'generated');
      expect(mrcrViolations(row)).toEqual([]);
      const used = row.messages.reduce((sum, { content }) => sum + count(content), 0) + count(row.answer);
      expect(used).toBeLessThanOrEqual(tokens);
      expect(used).toBeGreaterThan(tokens * 0.85);
      const texts = needleIndices(row).map((index) => row.messages[index + 1]!.content);
      for (const a of texts)
        for (const b of texts) if (a !== b) expect(sequenceRatio(a, b)).toBeLessThan(0.6);
      expect(wrongNeedleFloor(row)).toBeLessThan(0.6);
      expect(gradeMrcr(row.answer, row).score).toBe(1);
    }
  });
});

describe('MRCR grading', () => {
  const row = { answer: 'AbC123xyz0The tides seem quiet.', nonce: 'AbC123xyz0' };
  it('needs the prefix, byte for byte', () => {
    expect(gradeMrcr(row.answer, row)).toEqual({ score: 1, lenientPrefixScore: 1, hasPrefix: true });
    expect(gradeMrcr(`\n${row.answer}`, row)).toEqual({ score: 0, lenientPrefixScore: 1, hasPrefix: false });
    expect(gradeMrcr('The tides seem quiet.', row).score).toBe(0);
    expect(gradeMrcr('AbC123xyz0The tides seem loud.', row).score).toBeCloseTo(0.78, 1);
  });
  it('puts counts into right-closed bins', () => {
    expect([4096, 4097, 8192, 8193, 200, 2_000_000].map(mrcrBin)).toEqual([
      { from: 2048, to: 4096 },
      { from: 4096, to: 8192 },
      { from: 4096, to: 8192 },
      { from: 8192, to: 16384 },
      { from: 0, to: 256 },
      null,
    ]);
  });
});

describe('the short frame', () => {
  it('leaves out the worked examples alone: the task is read and graded as published rows are', () => {
    const graph = generateGraphWalks({
      problem: 'bfs',
      nodes: 12,
      outDegree: 2,
      depth: 1,
      seed: 1,
      frame: 'short',
    });
    const task = parseTask(graph.prompt)!;
    expect(task.edges).toHaveLength(24);
    expect([...solveTask(task)].sort()).toEqual([...graph.answer_nodes].sort());
    const row = generateMrcr({ needles: 2, tokens: 256, seed: 1, frame: 'short' }, count);
    const read = readMrcrRow(row as unknown as JsonValue, 'row');
    expect(needleIndices(read)).toHaveLength(2);
    expect(mrcrViolations(read)).toEqual(['message 0 is not the preamble with exactly two worked examples']);
    expect(gradeMrcr(row.answer, read).score).toBe(1);
  });
});
