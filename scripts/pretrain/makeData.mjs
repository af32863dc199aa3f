/** Token files for pre-training: node makeData.mjs MODEL_FOLDER OUT_FOLDER MILLIONS_OF_TOKENS SEED [STAGE [KIND,KIND…]] */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importSource } from '../bundleModule.mjs';

const [model, out, millions, seed, stage, kinds] = process.argv.slice(2);
const data = await importSource('scripts/pretrain/data.ts');
const file = readFileSync(join(model, 'tokenizer.json'));
const tokenizer = data.loadTokenizer(file, 'acc');
const openSql = await data.sqlSessions();
const words = data.taskWords(JSON.parse(file));
mkdirSync(out, { recursive: true });
// Stage: sizes of the tasks and the longest text.
const stages = { easy: [[0, 0.25], 128], short: [[0, 0.7], 288], probe: [[0, 0.7], 288] };
for (const [name, [sizes, longest]] of Object.entries(stages)) {
  if (stage !== undefined && stage !== name) continue;
  for (const kind of data.dataKinds) {
    const isAgent = data.agentKinds.includes(kind);
    if (isAgent && name === 'easy') continue;
    if (kinds !== undefined && !kinds.split(',').includes(kind)) continue;
    const count = name === 'probe' ? 20000 : Math.round(millions * 1e6 * (data.shares[kind] ?? 1));
    const made = data.makeTokens(
      kind,
      tokenizer,
      words,
      count,
      sizes,
      isAgent ? 640 : longest,
      `${name}/${seed}`,
      openSql,
    );
    const base = join(out, `${name}.${kind}`);
    writeFileSync(`${base}.tokens`, made.tokens);
    writeFileSync(`${base}.weights`, made.weights);
    writeFileSync(`${base}.lengths`, made.lengths);
    console.log(name, kind, made.tokens.length, 'tokens', made.lengths.length, 'texts');
  }
}
