import type { Rng } from '../core/rng.ts';
import { pick, pickSome } from './words.ts';

/** Files of a little program by path, in order. */
export type Files = ReadonlyMap<string, string>;

/** A repository with one fault, what is wrong in words, and the change that mends it. */
export interface FaultyRepository {
  readonly files: Files;
  readonly issue: string;
  /** File, faulty line and right line. */
  readonly fault: { readonly path: string; readonly before: string; readonly after: string };
  /** Another line that a careless reader might change instead. */
  readonly decoy: { readonly path: string; readonly before: string; readonly after: string } | null;
  readonly tests: readonly TestCase[];
}

export interface TestCase {
  readonly name: string;
  readonly args: readonly number[];
  readonly expected: number;
}

const functionNames =
  'total area price weight width height speed rate count size level value shift scale limit stock'.split(' ');
const constantNames = 'rate scale offset limit tax weight step index depth size'.split(' ');
const operators = ['+', '-', '*'] as const;

interface Unit {
  readonly name: string;
  readonly operator: (typeof operators)[number];
  readonly constant: string;
  readonly value: number;
  readonly parameters: number;
}

function fileOf(unit: Unit): string {
  const parameters = unit.parameters === 1 ? 'a' : 'a, b';
  const first = unit.parameters === 1 ? 'a' : 'a + b';
  const body = unit.parameters === 1 || unit.operator === '+' ? first : `(${first})`;
  return [
    `${unit.constant} = ${String(unit.value)}`,
    '',
    '',
    `def ${unit.name}(${parameters}):`,
    `    return ${body} ${unit.operator} ${unit.constant}`,
    '',
  ].join('\n');
}

function apply(unit: Unit, args: readonly number[]): number {
  const a = args.reduce((sum, x) => sum + x, 0);
  return unit.operator === '+' ? a + unit.value : unit.operator === '-' ? a - unit.value : a * unit.value;
}

const operatorWords = { '+': 'add', '-': 'subtract', '*': 'multiply by' } as const;

/** @param size how many files there are beside the tests, at least 2. */
export function makeFaultyRepository(rng: Rng, size: number): FaultyRepository {
  const units = pickSome(rng, functionNames, size).map((name): Unit => {
    const constant = pick(
      rng,
      constantNames.filter((each) => each !== name),
    );
    return {
      name,
      operator: pick(rng, operators),
      constant,
      value: 2 + rng.below(48),
      parameters: 1 + rng.below(2),
    };
  });
  const right = units[rng.below(units.length)]!;
  let wrong = right;
  if (rng.below(2)) {
    const value = 2 + ((right.value - 2 + 1 + rng.below(47)) % 48);
    wrong = { ...right, value };
  } else {
    wrong = {
      ...right,
      operator: pick(
        rng,
        operators.filter((operator) => operator !== right.operator),
      ),
    };
  }
  const path = (unit: Unit): string => `src/${unit.name}.py`;
  const files = new Map(units.map((unit) => [path(unit), fileOf(unit === right ? wrong : unit)]));
  const args = Array.from({ length: right.parameters }, () => 2 + rng.below(9));
  const tests = units.map((unit): TestCase => {
    const given = unit === right ? args : Array.from({ length: unit.parameters }, () => 2 + rng.below(9));
    return { name: unit.name, args: given, expected: apply(unit, given) };
  });
  const call = `${right.name}(${args.join(', ')})`;
  const reason =
    wrong.value !== right.value
      ? `${right.constant} should be ${String(right.value)} there.`
      : `It should ${operatorWords[right.operator]} ${right.constant}.`;
  const issue = `${call} returns ${String(apply(wrong, args))} but ${String(apply(right, args))} is expected. ${reason}`;
  const [faulty, mended] = [fileOf(wrong).split('\n'), fileOf(right).split('\n')];
  const line = faulty.findIndex((text, i) => text !== mended[i]);
  const other = units.find((unit) => unit !== right && unit.value !== right.value);
  return {
    files,
    issue,
    fault: { path: path(right), before: faulty[line]!, after: mended[line]! },
    decoy: other
      ? {
          path: path(other),
          before: `${other.constant} = ${String(other.value)}`,
          after: `${other.constant} = ${String(right.value)}`,
        }
      : null,
    tests,
  };
}

const lineForm = /^(\w+) = (\d+)$/;
const returnForm = /^ {4}return (.+) ([+*-]) (\w+)$/;

/** Runs a test on the files as they are; the value of its function, or null when the file cannot be run. */
export function runTest(files: Files, test: TestCase): number | null {
  const text = files.get(`src/${test.name}.py`);
  if (text === undefined) return null;
  const constants = new Map<string, number>();
  for (const line of text.split('\n')) {
    const assigned = lineForm.exec(line);
    if (assigned) constants.set(assigned[1]!, Number(assigned[2]));
    const returned = returnForm.exec(line);
    if (!returned) continue;
    const value = constants.get(returned[3]!);
    if (value === undefined) return null;
    const sum = test.args.reduce((total, x) => total + x, 0);
    return returned[2] === '+' ? sum + value : returned[2] === '-' ? sum - value : sum * value;
  }
  return null;
}

/** Unified diff of one file of which one line changed. */
export function lineDiff(path: string, before: string, after: string): string {
  const [old, fresh] = [before.split('\n').slice(0, -1), after.split('\n').slice(0, -1)];
  const at = old.findIndex((line, i) => line !== fresh[i]);
  // Context on blank lines would end the diff in white space.
  const from = at > 0 && old[at - 1] !== '' ? at - 1 : at;
  const to = at + 1 < old.length && old[at + 1] !== '' ? at + 2 : at + 1;
  const range = `${String(from + 1)},${String(to - from)}`;
  return [
    `diff --git a/${path} b/${path}`,
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -${range} +${range} @@`,
    ...old.slice(from, at).map((line) => ` ${line}`),
    `-${old[at]!}`,
    `+${fresh[at]!}`,
    ...old.slice(at + 1, to).map((line) => ` ${line}`),
    '',
  ].join('\n');
}
