/** Token files for pre-training: node makeData.mjs MODEL_FOLDER OUT_FOLDER MILLIONS_OF_TOKENS SEED [STAGE…] */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importSource } from '../bundleModule.mjs';

const [model, out, millions, seed, ...only] = process.argv.slice(2);
const data = await importSource('scripts/pretrain/data.ts');
const file = readFileSync(join(model, 'tokenizer.json'));
const tokenizer = data.loadTokenizer(file, 'acc');
const openSql = await data.openWorldSql();
const words = data.taskWords(JSON.parse(file));
mkdirSync(out, { recursive: true });
// Stage: sizes of the tasks and the longest text.
const stages = { easy: [[0, 0.25], 128], short: [[0, 0.7], 288], probe: [[0, 0.7], 288] };
for (const [stage, [sizes, longest]] of Object.entries(stages)) {
  if (only.length > 0 && !only.includes(stage)) continue;
  for (const kind of data.dataKinds) {
    const isAgent = data.agentKinds.includes(kind);
    if (isAgent && stage === 'easy') continue;
    const count = stage === 'probe' ? 20000 : Math.round(millions * 1e6 * (data.shares[kind] ?? 1));
    const made = data.makeTokens(
      kind,
      tokenizer,
      words,
      count,
      sizes,
      isAgent ? 480 : longest,
      `${stage}/${seed}`,
      openSql,
    );
    const base = join(out, `${stage}.${kind}`);
    writeFileSync(`${base}.tokens`, made.tokens);
    writeFileSync(`${base}.weights`, made.weights);
    writeFileSync(`${base}.lengths`, made.lengths);
    console.log(stage, kind, made.tokens.length, 'tokens', made.lengths.length, 'texts');
  }
}
