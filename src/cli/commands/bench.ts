import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { EnvironmentError, messageOf, UsageError } from '../../core/errors.ts';
import {
  benchLanes,
  benchSuites,
  verdicts,
  type BenchLane,
  type BenchReport,
  type BenchRow,
  type BenchSuite,
} from '../../bench/report.ts';
import type { BenchRequest } from '../../bench/runBench.ts';
import { lastValue, numberValue, parseArguments, refuseWords } from '../compileArguments.ts';
import { openNodeGpu } from '../nodeEngine.ts';
import { EXIT_DONE, note, print, printJson, table } from '../output.ts';

const help = `acc bench [options]: this engine beside others on one adapter, same weights, same tokens

  --adapter chromium|node|both   headless Chromium on SwiftShader, Dawn in Node (lavapipe where installed, or the
                                 driver in VK_ICD_FILENAMES), or both (default)
  --what LIST                    of ${benchSuites.join(', ')} (default: matmul,dense,moe); prefill and decode mean dense; box is
                                 the model in the box on both runtimes of the page
  --repeats N                    timed rounds after the warm-up (default 5)
  --lane corrected|shipped|both  onnxruntime-web WebGPU with subgroups hidden, as shipped, or both (default)
  --variants                     also each of our own matmul kernels
  --max-context N                longest context of the context, training and mechanism suites (default 32768)
  --min-context N                shortest row of the training suite's growing lengths (default 0)
  --json                         one JSON document

Engines are compared before they are timed, and timed in turns. CPU rows are references and never compared.`;

type BenchAdapter = 'chromium' | 'node';

const lavapipePaths = ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'];

interface PageDriver {
  benchInChromium(
    requests: readonly BenchRequest[],
    progress: (message: string) => void,
  ): Promise<BenchReport[]>;
}

async function inChromium(requests: readonly BenchRequest[]): Promise<BenchReport[]> {
  // The page is built from the sources: there in a checkout, not in an installed package.
  const driver = new URL('../scripts/benchPage.mjs', import.meta.url).href;
  let module: PageDriver;
  try {
    module = (await import(/* @vite-ignore */ driver)) as PageDriver;
  } catch (error) {
    throw new EnvironmentError('no-bench-page', 'The bench page can only be built in a checkout', {
      actual: messageOf(error),
    });
  }
  return module.benchInChromium(requests, note);
}

/** A lane in a process of its own: onnxruntime-web keeps its first device. */
function inChildProcess(lane: BenchLane, argv: readonly string[]): Promise<BenchReport[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [process.argv[1]!, 'bench', ...argv, '--adapter', 'node', '--lane', lane, '--json'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('error', reject);
    child.on('close', (code) => {
      const text = Buffer.concat(parts).toString('utf8');
      if (code !== EXIT_DONE)
        reject(new EnvironmentError('bench-failed', `The ${lane} lane ended with ${code}`));
      else resolve((JSON.parse(text) as { node: { reports: BenchReport[] } }).node.reports);
    });
  });
}

async function inNode(requests: readonly BenchRequest[], argv: readonly string[]): Promise<BenchReport[]> {
  if (requests.length > 1) {
    const reports: BenchReport[] = [];
    for (const { lane } of requests) reports.push(...(await inChildProcess(lane, argv)));
    return reports;
  }
  const lavapipe = lavapipePaths.find((path) => existsSync(path));
  if (lavapipe) process.env['VK_ICD_FILENAMES'] ??= lavapipe;
  const gpu = await openNodeGpu();
  showGpuToPeers(gpu);
  const { runBench } = await import('../../bench/runBench.ts');
  const reports: BenchReport[] = [];
  for (const request of requests) reports.push(await runBench(gpu, request, note, readBox));
  return reports;
}

/** The model in the box, beside the command line. */
async function readBox(fileName: string): Promise<Uint8Array | null> {
  const path = new URL(`../public/models/world-moe-3m/${fileName}`, import.meta.url);
  return existsSync(path) ? new Uint8Array(await readFile(path)) : null;
}

/** Peers look for WebGPU in `navigator`, and onnxruntime-web uploads from shared memory, which Dawn refuses. */
function showGpuToPeers(gpu: GPU): void {
  const scope = globalThis as unknown as { navigator?: object };
  if (scope.navigator) Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  else scope.navigator = { gpu, userAgent: 'Node', language: 'en', hardwareConcurrency: 1 };
  const queue = GPUQueue.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its receiver below
  const writeBuffer = queue.writeBuffer;
  queue.writeBuffer = function (buffer, offset, data, start, size) {
    if (!(data instanceof Uint8Array) || !(data.buffer instanceof SharedArrayBuffer)) {
      writeBuffer.call(this, buffer, offset, data as GPUAllowSharedBufferSource, start, size);
      return;
    }
    const from = start ?? 0;
    writeBuffer.call(this, buffer, offset, data.slice(from, size === undefined ? undefined : from + size));
  };
}

function readSuites(text: string | null): BenchSuite[] {
  const names = (text ?? 'matmul,dense,moe').split(',').map((name) => name.trim());
  const known = names.map((name) => {
    const suite = name === 'prefill' || name === 'decode' ? 'dense' : name;
    const found = benchSuites.find((each) => each === suite);
    if (!found) {
      throw new UsageError('bad-choice', `--what knows ${benchSuites.join(', ')}`, { actual: name });
    }
    return found;
  });
  return [...new Set(known)];
}

function oneOf<T extends string>(name: string, value: string | null, choices: readonly T[], fallback: T): T {
  if (value === null) return fallback;
  const found = choices.find((choice) => choice === value);
  if (!found)
    throw new UsageError('bad-choice', `--${name} needs one of ${choices.join(', ')}`, { actual: value });
  return found;
}

/** `acc bench`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    adapter: 'one',
    what: 'one',
    repeats: 'one',
    lane: 'one',
    'max-context': 'one',
    'min-context': 'one',
    variants: 'flag',
    json: 'flag',
    help: 'flag',
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  refuseWords(parsed, 'bench', 0);
  const adapter = oneOf(
    'adapter',
    lastValue(parsed, 'adapter'),
    ['chromium', 'node', 'both'] as const,
    'both',
  );
  const lane = oneOf('lane', lastValue(parsed, 'lane'), [...benchLanes, 'both'] as const, 'both');
  const suites = readSuites(lastValue(parsed, 'what'));
  // Context, training and mechanism run no onnxruntime-web: they need no second lane.
  const lanes =
    lane !== 'both'
      ? [lane]
      : suites.every((suite) =>
            ['box', 'context', 'training', 'mechanism', 'mechanism-memory'].includes(suite),
          )
        ? [benchLanes[0]]
        : benchLanes;
  const requests = lanes.map((each): BenchRequest => ({
    suites,
    lane: each,
    repeats: Math.max(1, numberValue(parsed, 'repeats') ?? 5),
    variants: parsed.flags.has('variants'),
    maxContext: numberValue(parsed, 'max-context') ?? 32768,
    minContext: numberValue(parsed, 'min-context') ?? 0,
  }));
  const adapters: readonly BenchAdapter[] = adapter === 'both' ? ['node', 'chromium'] : [adapter];
  const all: Partial<Record<BenchAdapter, { reports: BenchReport[]; verdicts: unknown }>> = {};
  for (const each of adapters) {
    const reports = each === 'node' ? await inNode(requests, argv) : await inChromium(requests);
    const judged = reports.flatMap(({ rows }) => verdicts(rows));
    all[each] = { reports, verdicts: judged };
    if (!parsed.flags.has('json')) await print(describe(each, reports));
  }
  if (parsed.flags.has('json')) await printJson(all);
  return EXIT_DONE;
}

function cells(row: BenchRow): string[] {
  const { counts } = row;
  const count = (value: number | undefined): string =>
    value === undefined ? '–' : value.toFixed(value % 1 ? 1 : 0);
  return [
    `${row.suite} ${row.test}`,
    row.engine,
    row.runsOn,
    row.medianMs.toFixed(2),
    row.minMs.toFixed(2),
    `${row.rate.toFixed(row.rate < 100 ? 2 : 0)} ${row.unit}`,
    count(counts?.dispatches),
    count(counts?.submits),
    count(counts?.readbacks),
    count(counts?.buffers),
    Number.isFinite(row.difference) ? row.difference.toExponential(1) : '–',
    row.correct ? 'yes' : 'WRONG',
    row.note,
  ];
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

function describe(adapter: BenchAdapter, reports: readonly BenchReport[]): string {
  const lines: string[] = [];
  for (const report of reports) {
    const { facts, repeats } = { facts: report.adapter, repeats: report.repeats };
    lines.push(
      '',
      `${adapter}: ${facts.description || facts.device || facts.vendor}, subgroups of ${facts.subgroupMinSize}; onnxruntime-web ${report.lane}; medians of ${repeats} runs in turns`,
    );
    const header =
      'case|engine|on|median ms|min ms|rate|dispatches|submits|readbacks|buffers|difference|correct|note';
    lines.push(table(header.split('|'), report.rows.map(cells), [3, 4, 5, 6, 7, 8, 9, 10]));
    for (const memory of report.memory) {
      lines.push(
        `${memory.tokens} tokens: planned ${mebibytes(memory.plannedBytes)} MiB, allocated ${mebibytes(memory.allocatedBytes)} MiB, KV ${mebibytes(memory.kvBytes)} MiB, largest buffer ${mebibytes(memory.largestBufferBytes)} MiB`,
      );
    }
    for (const memory of report.trainingMemory) {
      lines.push(
        `training on ${memory.tokens} tokens: planned ${mebibytes(memory.plannedBytes)} MiB, peak ${mebibytes(memory.peakBytes)} MiB (${((memory.peakBytes / memory.plannedBytes - 1) * 100).toFixed(1)} %), kept between passes ${mebibytes(memory.keptBytes)} MiB, largest buffer ${mebibytes(memory.largestBufferBytes)} MiB`,
      );
    }
    for (const { test, peer, ratio, target, met } of verdicts(report.rows)) {
      lines.push(`${met ? '✓' : '✗'} ${test}: ${ratio.toFixed(2)} × ${peer} (target ${target} ×)`);
    }
    for (const reason of report.absent) lines.push(`not run: ${reason}`);
  }
  return lines.join('\n');
}
