import { sqlSessions } from '../../compile/sql/sessions.ts';
import { UsageError } from '../../core/errors.ts';
import { makeWorld, worldKinds, type WorldKind } from '../../world/makeWorld.ts';
import { lastValue, numberValue, parseArguments } from '../compileArguments.ts';
import { wholeNumber } from '../evaluateFiles.ts';
import { EXIT_DONE, note, print, printJson } from '../output.ts';
import { writeWorldFolder } from '../worldFolder.ts';

const help = `acc world --count N --out DIR [options]: trajectories of three scripted agents in a made-up world

The agents search an encyclopedia, mend repositories and query databases; a quarter of the runs goes wrong.
DIR gets search.jsonl (chats with tool calls), software/*/*.traj with results.json (SWE-agent), sql.json (InterCode)
and databases/*.sql. Compile them with: acc compile DIR --database DIR/databases/*.sql --out …

  --count N     runs, the kinds in turn
  --seed N      default 0; the same options give the same bytes
  --kinds K…    search, swe, sql; default all
  --size A B    least and greatest amount to read, 0 (a short page) to 1 (some 2,000 tokens); default 0 1
  --out DIR     made when it is not there
  --overwrite   replace the other world that --out holds; without it that is kept
  --json        a JSON document on what was made`;

/** `acc world`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    count: 'one',
    seed: 'one',
    kinds: 'many',
    size: 'many',
    out: 'one',
    overwrite: 'flag',
    json: 'flag',
    help: 'flag',
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  if (parsed.words.length > 0)
    throw new UsageError('bad-argument', 'acc world takes options only', { actual: parsed.words.join(' ') });
  const out = lastValue(parsed, 'out');
  if (out === null) throw new UsageError('missing-option', 'acc world needs --out DIR');
  const kinds = (parsed.values.get('kinds') ?? worldKinds)
    .flatMap((name) => name.split(','))
    .map((name): WorldKind => {
      const kind = worldKinds.find((each) => each === name);
      if (!kind)
        throw new UsageError('bad-kind', `There is no kind "${name}"`, { expected: worldKinds.join(', ') });
      return kind;
    });
  const sizes = (parsed.values.get('size') ?? ['0', '1']).map(Number);
  const [least, most] = sizes;
  if (sizes.length !== 2 || !(least! >= 0 && most! <= 1 && least! <= most!)) {
    throw new UsageError('bad-size', 'The sizes are unusable', {
      expected: 'two numbers, 0 ≤ least ≤ greatest ≤ 1',
      actual: (parsed.values.get('size') ?? []).join(' '),
    });
  }
  const count = wholeNumber(numberValue(parsed, 'count'), 0, 'count');
  const seed = wholeNumber(numberValue(parsed, 'seed'), 0, 'seed', 0);
  const files = makeWorld({ count, seed, kinds, sizes: [least!, most!] }, await sqlSessions());
  await writeWorldFolder(out, files, { by: 'acc world', overwrite: parsed.flags.has('overwrite') });
  if (parsed.flags.has('json')) {
    await printJson({ out, count, seed, kinds, sizes, files: files.map(({ path }) => path) });
  } else note(`${count} trajectories in ${files.length} files below ${out}`);
  return EXIT_DONE;
}
