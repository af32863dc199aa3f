import { messageOf } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { BenchContext } from './runBench.ts';
import {
  jaxMatmul,
  ortMatmul,
  ourMatmul,
  tfjsMatmul,
  type MatmulProblem,
  type MatmulRunner,
} from './matmulPeers.ts';
import { oursName, type BenchRow } from './report.ts';
import { timeInTurns } from './timing.ts';

/** [M, K, N] */
const shapes = [
  [512, 512, 512],
  [1024, 1024, 1024],
  [256, 1024, 1024],
  [32, 1024, 2048],
] as const;

function problem(m: number, k: number, n: number): MatmulProblem {
  const rng = new Rng(`matmul/${m}/${k}/${n}`);
  const random = (size: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: size }, () => rng.normal());
  return { m, k, n, x: random(m * k), w: random(k * n) };
}

/** Largest error of 200 entries against f64, in units of the size of an entry (√K). */
function sampledError({ m, k, n, x, w }: MatmulProblem, y: Float32Array): number {
  const rng = new Rng('samples');
  let worst = 0;
  for (let sample = 0; sample < 200; sample++) {
    const row = rng.nextUint32() % m;
    const col = rng.nextUint32() % n;
    let sum = 0;
    for (let i = 0; i < k; i++) sum += x[row * k + i]! * w[i * n + col]!;
    const error = Math.abs(y[row * n + col]! - sum) / Math.sqrt(k);
    // NaN must not pass.
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/** f32 matrix products on every engine, results checked first, timed in turns. */
export async function benchMatmul(context: BenchContext): Promise<BenchRow[]> {
  const { engine, lane } = context;
  const rows: BenchRow[] = [];
  for (const [m, k, n] of shapes) {
    const task = problem(m, k, n);
    context.progress(`matmul ${m}×${k}×${n}`);
    const variants = context.variants
      ? (['lanes', 'register', 'shared'] as const).map(
          (choice) => () => ourMatmul(engine, task, `${oursName} (${choice})`, { matmul: choice }),
        )
      : [];
    const peers =
      lane === 'corrected'
        ? [() => jaxMatmul(task), () => tfjsMatmul(task), () => ortMatmul(task, context.ortName)]
        : [() => ortMatmul(task, context.ortName)];
    const runners: MatmulRunner[] = [];
    for (const make of [() => ourMatmul(engine, task, oursName), ...variants, ...peers]) {
      try {
        runners.push(await make());
      } catch (error) {
        context.absent(messageOf(error));
      }
    }
    const errors = new Map<string, number>();
    for (const runner of runners) errors.set(runner.name, sampledError(task, await runner.result()));
    const timings = await timeInTurns(runners, context.repeats);
    for (const { name } of runners) {
      const { medianMs, minMs, counts } = timings.get(name)!;
      const difference = errors.get(name)!;
      rows.push({
        suite: 'matmul',
        lane,
        test: `${m}×${k}×${n}`,
        engine: name,
        runsOn: 'gpu',
        medianMs,
        minMs,
        rate: (2 * m * k * n) / medianMs / 1e6,
        unit: 'GFLOP/s',
        counts,
        difference,
        correct: difference < 1e-4,
        note: name === oursName ? engine.choices.matmul : '',
      });
    }
    for (const runner of runners) await runner.release();
  }
  return rows;
}
