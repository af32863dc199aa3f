import { UsageError } from '../core/errors.ts';

/** How an option takes its values. `many` takes all words up to the next option. */
export type OptionShape = 'flag' | 'one' | 'many';

export interface ParsedArguments {
  readonly words: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads `WORD… --name value --name=value --flag`. A lone `-` is a word, `-h` is `--help`, and behind `--` everything
 * is a word.
 * @throws UsageError for unknown options and missing values
 */
export function parseArguments(
  argv: readonly string[],
  shapes: Readonly<Record<string, OptionShape>>,
): ParsedArguments {
  const words: string[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === '--') {
      words.push(...argv.slice(at + 1));
      break;
    }
    if (!isOption(word)) {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const option = word === '-h' ? '--help' : equals < 0 ? word : word.slice(0, equals);
    const name = option.slice(2);
    const shape = option.startsWith('--') && Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (!shape)
      throw new UsageError('unknown-option', `there is no option ${option}`, { advice: 'see acc help' });
    if (shape === 'flag') {
      flags.add(name);
      continue;
    }
    const given = values.get(name) ?? [];
    values.set(name, given);
    if (equals >= 0) given.push(word.slice(equals + 1));
    else if (shape === 'one') given.push(takeValue(argv, ++at, name));
    else {
      given.push(takeValue(argv, ++at, name));
      while (at + 1 < argv.length && !isOption(argv[at + 1]!) && argv[at + 1] !== '--')
        given.push(argv[++at]!);
    }
  }
  return { words, flags, values };
}

/** True for `--name` and `-h`; a lone `-` and negative numbers are words. */
function isOption(word: string): boolean {
  return /^-(?:-.|[A-Za-z])/.test(word);
}

function takeValue(argv: readonly string[], at: number, name: string): string {
  const value = argv[at];
  if (value === undefined || (value.startsWith('--') && value.length > 2)) {
    throw new UsageError('missing-value', `option --${name} needs a value`);
  }
  return value;
}

/** Throws `UsageError` for words beyond those that a command reads. */
export function refuseWords(parsed: ParsedArguments, command: string, most: number): void {
  const [extra] = parsed.words.slice(most);
  if (extra === undefined) return;
  throw new UsageError(
    'unknown-word',
    `acc ${command} takes ${most === 0 ? 'options only' : `${most} word`}`,
    {
      actual: extra,
      advice: `see acc ${command} --help`,
    },
  );
}

/** The last value of an option, or null. */
export function lastValue(parsed: ParsedArguments, name: string): string | null {
  return parsed.values.get(name)?.at(-1) ?? null;
}

/** The last value as a number. @throws UsageError when it is none */
export function numberValue(parsed: ParsedArguments, name: string): number | null {
  const value = lastValue(parsed, name);
  if (value === null) return null;
  const number = Number(value.replaceAll('_', ''));
  if (value.trim() === '' || !Number.isFinite(number)) {
    throw new UsageError('bad-option', `option --${name} is not a number`, { actual: value });
  }
  return number;
}
