import { UsageError } from '../core/errors.ts';
import { EXIT_DONE, print, reportFailure } from './output.ts';

interface Command {
  readonly summary: string;
  /** Loaded when it is called, so that one command does not pay for the others. */
  readonly load: () => Promise<{ run(argv: string[]): Promise<number> }>;
}

const commands: Readonly<Record<string, Command>> = {
  inspect: {
    summary: 'what files hold: formats, records, agent kinds, answers, issues',
    load: () => import('./commands/inspect.ts'),
  },
  world: {
    summary: 'trajectories of scripted agents in a made-up world, in three log formats',
    load: () => import('./commands/world.ts'),
  },
  compile: {
    summary: 'trajectories to long-context question-answer pairs',
    load: () => import('./commands/compile.ts'),
  },
  export: {
    summary: "compiled sets in other trainers' formats",
    load: () => import('./commands/export.ts'),
  },
  check: {
    summary: 'whether answers depend on their evidence, by what a model makes of them with and without it',
    load: () => import('./commands/check.ts'),
  },
  generate: {
    summary: 'MRCR and GraphWalks rows of any length, in the published columns',
    load: () => import('./commands/generate.ts'),
  },
  grade: {
    summary: 'scores of stored responses to a benchmark',
    load: () => import('./commands/grade.ts'),
  },
  evaluate: {
    summary: 'a benchmark against the built-in engine or an endpoint, with intervals',
    load: () => import('./commands/evaluate.ts'),
  },
  run: {
    summary: 'text generation with a Qwen3 or Qwen3-MoE checkpoint on the WGSL engine',
    load: () => import('./commands/run.ts'),
  },
  mechanism: {
    summary: 'attention distance, evidence mass and expert routing of a base and its adapters, as JSON',
    load: () => import('./commands/mechanism.ts'),
  },
  train: {
    summary: 'LoRA fine-tuning on compiled examples, experts included; the adapter in PEFT layout',
    load: () => import('./commands/train.ts'),
  },
  replicate: {
    summary: 'the effect of compiled contexts on a small model, against matched controls, over seeds',
    load: () => import('./commands/replicate.ts'),
  },
  bench: {
    summary: 'this engine beside others on one adapter, same weights, same tokens',
    load: () => import('./commands/bench.ts'),
  },
};

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'acc COMMAND …: compile agent trajectories into long-context question-answer pairs',
    '',
    'Commands:',
    ...list,
    '',
    'acc COMMAND --help explains a command.',
    'Exit codes: 0 done, 1 finished with rejected inputs that are listed, 2 usage or unreadable input.',
  ].join('\n');
}

/** Runs one command line (without node and script); resolves to the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      await print(help());
      return EXIT_DONE;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!command) throw new UsageError('unknown-command', `There is no command "${name}"`);
    return await (await command.load()).run(rest);
  } catch (error) {
    return reportFailure(error);
  }
}
