import { md5 } from '@noble/hashes/legacy.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { InputError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { graphHeading, solveTask, type Operation, type TaskGraph } from './graphwalks.ts';
import type { PromptFrame } from './mrcrGenerator.ts';

/** `bfs` and `parents` are the published operations; the other two are ours, in the published frame. */
export type GraphProblem = 'bfs' | 'parents' | 'shortest-path' | 'reachability';

/** A generated row in the published columns. */
export interface GeneratedGraphWalks {
  readonly prompt: string;
  readonly answer_nodes: readonly string[];
  readonly prompt_chars: number;
  readonly problem_type: string;
  readonly date_added: string;
}

/** Id of the node with this number: the first ten hex digits of md5 of its decimal form, as published. */
export function nodeId(index: number): string {
  return bytesToHex(md5(utf8ToBytes(String(index)))).slice(0, 10);
}

/** The rules of an operation, in the words of the rows of February 2026. */
const bfsRule =
  'If asked for a breadth-first search (BFS), only return the nodes that are both reachable and exactly at that depth (not nodes at intermediate depths), and do not return the starting node.';
const parentsRule =
  'If asked for the parents of a node, only return the nodes that have an edge leading to the given node, do not return the given node itself.';
const pathRule =
  'If asked for a shortest path, return the nodes on it from the first to the last, both included; there is exactly one.';
const reachRule =
  'If asked for the reachable nodes, return every node that can be reached by following edges in their direction, not the starting node itself.';

function bfsWords(node: string, depth: number): string {
  return `Perform a BFS from node ${node} and return only the nodes at exactly depth ${depth} (not nodes at intermediate depths).`;
}

const edgesHeading = 'The graph has the following edges:';
const workedExample = [
  'Here is an example:',
  '<begin example>',
  '',
  edgesHeading,
  'uvwx -> alke',
  'abcd -> uvwx',
  'abcd -> efgh',
  'efgh -> uvwx',
  '',
  'Example 1:',
  'Operation:',
  bfsWords('abcd', 1),
  'Final Answer: [uvwx, efgh]',
  '',
  'Example 2:',
  'Operation:',
  bfsWords('alke', 1),
  'Final Answer: []',
  '',
  'Example 3:',
  'Operation:',
  'Find the parents of node uvwx.',
  'Final Answer: [abcd, efgh]',
  '',
  'Example 4:',
  'Operation:',
  'Find the parents of node abcd.',
  'Final Answer: []',
  '',
  '<end example>',
];

const closing = [
  'You should reason through the operation step by step, and then return the set of nodes that the operation results in. Return your final answer as a list of nodes in the very last line of your response. For example, if the operation returns the set of nodes [node1, node2, node3], your response should be:',
  'Final Answer: [node1, node2, node3]',
  'If the operation returns the empty set, your response should be:',
  'Final Answer: []',
  '',
];

const shortClosing = 'End with the list of nodes.';

/** The whole prompt of a task, laid out as the published rows are; `short` without rules and worked examples. */
export function graphPrompt(
  edges: TaskGraph['edges'],
  problem: GraphProblem,
  operation: string,
  frame: PromptFrame = 'published',
): string {
  const list = edges.map(([from, to]) => `${from} -> ${to}`);
  if (frame === 'short') {
    return [graphHeading, edgesHeading, ...list, '', 'Operation:', operation, '', shortClosing].join('\n');
  }
  const own =
    problem === 'shortest-path' ? ` ${pathRule}` : problem === 'reachability' ? ` ${reachRule}` : '';
  return [
    '',
    'You will be given a graph as a list of directed edges. All nodes are at least degree 1. You will also get a description of an operation to perform on the graph.',
    `Your job is to execute the operation on the graph and return the set of nodes that the operation results in. ${bfsRule} ${parentsRule}${own}`,
    '',
    ...workedExample,
    graphHeading,
    edgesHeading,
    ...list,
    '',
    '',
    'Operation:',
    operation,
    '',
    ...closing,
  ].join('\n');
}

export interface GraphWalksOptions {
  readonly problem: GraphProblem;
  readonly nodes: number;
  /** Edges that leave each node; destinations are drawn with replacement, so repeats and self-loops occur. */
  readonly outDegree: number;
  /** Depth of a BFS. */
  readonly depth: number;
  readonly seed: number | string;
  readonly frame?: PromptFrame;
  /** Number of a question on the graph that the seed alone decides; without it every problem has its own graph. */
  readonly question?: number;
}

function drawEdges(rng: Rng, ids: readonly string[], outDegree: number): [string, string][] {
  const edges: [string, string][] = [];
  for (const from of ids) {
    for (let k = 0; k < outDegree; k++) edges.push([from, ids[rng.below(ids.length)]!]);
  }
  return edges;
}

/** Distance in edges from `start` to each node it reaches, and how many shortest ways lead there (2 = several). */
function distances(
  edges: TaskGraph['edges'],
  start: string,
): Map<string, { depth: number; ways: number; from: string }> {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    const list = next.get(from);
    if (list) list.add(to);
    else next.set(from, new Set([to]));
  }
  const found = new Map([[start, { depth: 0, ways: 1, from: start }]]);
  const queue = [start];
  for (const node of queue) {
    const here = found.get(node)!;
    for (const to of next.get(node) ?? []) {
      const there = found.get(to);
      if (!there) {
        found.set(to, { depth: here.depth + 1, ways: here.ways, from: node });
        queue.push(to);
      } else if (there.depth === here.depth + 1) {
        there.ways = Math.min(2, there.ways + here.ways);
      }
    }
  }
  return found;
}

function pathTask(
  rng: Rng,
  edges: TaskGraph['edges'],
  ids: readonly string[],
): { operation: string; answer: string[] } | null {
  const start = ids[rng.below(ids.length)]!;
  const found = distances(edges, start);
  const ends = [...found].filter(([, { depth, ways }]) => depth >= 2 && ways === 1);
  const end = ends[rng.below(Math.max(1, ends.length))]?.[0];
  if (end === undefined) return null;
  const answer = [end];
  while (answer[0] !== start) answer.unshift(found.get(answer[0]!)!.from);
  return { operation: `Find the shortest path from node ${start} to node ${end}.`, answer };
}

/** One task; the same options give the same row. Throws `InputError` for graphs that cannot exist. */
export function generateGraphWalks(options: GraphWalksOptions): GeneratedGraphWalks {
  const { problem, nodes, outDegree, depth } = options;
  if (!(nodes >= 2 && outDegree >= 1 && depth >= 1)) {
    throw new InputError('graphwalks-options', 'This graph cannot be made', {
      expected: 'at least 2 nodes, out-degree 1, depth 1',
      actual: `${nodes} nodes, out-degree ${outDegree}, depth ${depth}`,
    });
  }
  const rng = new Rng(
    ['graphwalks', problem, nodes, outDegree, depth, options.seed, options.question ?? []].flat().join('/'),
  );
  const ids = Array.from({ length: nodes }, (_, i) => nodeId(i));
  const shared =
    options.question === undefined
      ? null
      : drawEdges(new Rng(`graphwalks/edges/${nodes}/${outDegree}/${options.seed}`), ids, outDegree);
  for (let attempt = 0; attempt < 200; attempt++) {
    const edges = shared ?? drawEdges(rng, ids, outDegree);
    const node = ids[rng.below(nodes)]!;
    let text: string;
    let answer: readonly string[];
    if (problem === 'shortest-path') {
      const task = pathTask(rng, edges, ids);
      if (!task) continue;
      ({ operation: text, answer } = task);
    } else if (problem === 'reachability') {
      text = `Find the nodes reachable from node ${node}.`;
      answer = [...distances(edges, node).keys()].filter((other) => other !== node);
    } else {
      const operation: Operation = { kind: problem, node, depth: problem === 'bfs' ? depth : 1 };
      text = problem === 'bfs' ? bfsWords(node, depth) : `Find the parents of node ${node}.`;
      answer = [...solveTask({ edges, operation })];
    }
    const prompt = graphPrompt(edges, problem, text, options.frame);
    return {
      prompt,
      answer_nodes: [...answer].sort(problem === 'shortest-path' ? () => 0 : undefined),
      prompt_chars: prompt.length,
      problem_type: problem,
      date_added: '02-27-2026',
    };
  }
  throw new InputError(
    'graphwalks-options',
    'No graph of this size has a single shortest path of two edges',
    {
      actual: `${nodes} nodes, out-degree ${outDegree}`,
      advice: 'use more nodes or a smaller out-degree',
    },
  );
}

/** Number of nodes at which a prompt of this out-degree comes closest below `tokens`, by the given counter. */
export function nodesForTokens(
  tokens: number,
  outDegree: number,
  count: (text: string) => number,
  frame: PromptFrame = 'published',
): number {
  const prompt = (edges: TaskGraph['edges']): string =>
    graphPrompt(edges, 'bfs', bfsWords(nodeId(0), 1), frame);
  const base = count(prompt([]));
  const sample: [string, string][] = Array.from({ length: 50 }, (_, i) => [
    nodeId(i),
    nodeId((i * 7 + 3) % 50),
  ]);
  const perEdge = (count(prompt(sample)) - base) / sample.length;
  return Math.max(2, Math.floor((tokens - base) / (perEdge * outDegree)));
}
