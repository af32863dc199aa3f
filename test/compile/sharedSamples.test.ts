import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openTokenizer } from '../../src/cli/compileTokenizer.ts';
import { expandPaths, fileSource } from '../../src/cli/nodeSource.ts';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import { resolveRecordEvidence, resolveTableEvidence } from '../../src/compile/resolveEvidence.ts';
import { DatabaseCatalog } from '../../src/compile/sql/catalog.ts';
import type { EvidenceSource, Example, Rejection } from '../../src/compile/types.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { formats } from '../../src/trajectories/formats/registry.ts';
import { importFile } from '../../src/trajectories/import.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../helpers/shared.ts';

interface Outcome {
  readonly file: string;
  readonly example: Example | null;
  readonly rejection: Rejection | null;
}

/** Compiles every recorded file, keeping the raw records that the adapters were given. */
async function compileAll(): Promise<{
  outcomes: Outcome[];
  records: Map<string, JsonValue>;
  catalog: DatabaseCatalog;
  loaded: Awaited<ReturnType<typeof openTokenizer>>;
}> {
  const dump = 'databases/intercode-spider-dev.mysql.sql';
  const catalog = await DatabaseCatalog.load([
    { name: dump, bytes: new Uint8Array(readFileSync(sharedPath(dump))) },
  ]);
  const loaded = await openTokenizer('qwen3');
  const options = resolveCompileOptions({ acceptUnverified: true });
  const context = { options, counter: loaded.counter, catalog, sha256Of: () => '' };
  const records = new Map<string, JsonValue>();
  const watched = formats.map((format) => ({
    ...format,
    read: (...given: Parameters<typeof format.read>) => {
      for (const record of given[0]) records.set(`${record.file}#${record.record}`, record.value);
      return format.read(...given);
    },
  }));
  const outcomes: Outcome[] = [];
  const root = sharedPath('trajectories');
  for (const path of await expandPaths([root])) {
    if (path.endsWith('.md')) continue;
    const file = path.slice(root.length + 1);
    const source = await fileSource(path, file);
    for await (const event of importFile(source, { formats: watched })) {
      if (event.type !== 'trajectory') continue;
      const outcome = compileTrajectory(event.trajectory, context);
      outcomes.push({
        file,
        example: 'example' in outcome ? outcome.example : null,
        rejection: 'rejection' in outcome ? outcome.rejection : null,
      });
    }
    await source.close();
  }
  return { outcomes, records, catalog, loaded };
}

describe.skipIf(!hasShared)(
  `recorded files${hasShared ? '' : ` (${sharedSkipReason})`}`,
  async () => {
    const { outcomes, records, catalog, loaded } = hasShared
      ? await compileAll()
      : {
          outcomes: [],
          records: new Map<string, JsonValue>(),
          catalog: new DatabaseCatalog(),
          loaded: null!,
        };
    const examples = outcomes.flatMap((outcome) => outcome.example ?? []);

    function tally(folder: string): Record<string, number> {
      const counts: Record<string, number> = { accepted: 0 };
      for (const { file, rejection } of outcomes) {
        if (!file.startsWith(folder)) continue;
        const key = rejection ? rejection.code : 'accepted';
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return counts;
    }

    it('compile or are rejected as their notes say', () => {
      expect(tally('intercode-sql/human')).toEqual({ accepted: 13, 'recorded-wrong': 2 });
      expect(tally('intercode-sql/gpt-4')).toMatchObject({ 'recorded-wrong': 38 });
      expect(tally('intercode-sql/gpt-4')['accepted']).toBeGreaterThanOrEqual(104);
      expect(tally('intercode-sql/gpt-3.5')).toMatchObject({ 'recorded-wrong': 42 });
      expect(tally('intercode-sql/gpt-3.5')['accepted']).toBeGreaterThanOrEqual(66);
      expect(tally('react-text-log')).toEqual({ accepted: 17 });
      expect(tally('react-fireact')['accepted']).toBeGreaterThanOrEqual(480);
      expect(tally('webdancer')['accepted']).toBeGreaterThanOrEqual(9);
      expect(tally('multi-agent-who-when')).toEqual({ accepted: 0, 'recorded-wrong': 12 });
      expect(tally('bird-interact')).toMatchObject({ 'recorded-wrong': 5 });
      expect(tally('swe-agent')['accepted']).toBeGreaterThanOrEqual(6);
      expect(tally('claude-code')['accepted']).toBeGreaterThanOrEqual(6);
      expect(tally('openai-chat-tau-bench')).toEqual({ accepted: 0, 'kind-other': 12 });
    });

    it('give a reason for every rejection', () => {
      for (const { rejection } of outcomes) {
        if (!rejection) continue;
        expect(rejection.code).toMatch(/^[a-z-]+$/);
        expect(rejection.reason.length).toBeGreaterThan(15);
      }
    });

    it('hold every piece exactly as it stands at its source', () => {
      const resolve = (source: EvidenceSource): string | null =>
        source.rendering === 'table'
          ? resolveTableEvidence(source, catalog)
          : resolveRecordEvidence(source, records.get(`${source.file}#${source.record}`) ?? null);
      let pieces = 0;
      for (const example of examples) {
        const content = example.messages[0]!.content;
        for (const piece of example.evidence) {
          pieces++;
          const text = content.slice(piece.start, piece.end);
          if (resolve(piece.source) !== text) {
            expect
              .soft({ id: example.id, piece: piece.id, source: piece.source, text: resolve(piece.source) })
              .toEqual({ text });
          }
        }
      }
      expect(pieces).toBeGreaterThan(1500);
    });

    it('count tokens as encoding the whole templated text does', () => {
      for (const example of examples.filter((_, index) => index % 7 === 0)) {
        const messages = example.messages.map(({ role, content }) => ({ role, content }));
        const prompt = loaded.template.render(messages.slice(0, 1), { addGenerationPrompt: true }).text;
        const whole = loaded.template.render(messages).text.replace(/\n$/, '');
        const promptTokens = loaded.tokenizer.encode(prompt).length;
        expect([example.id, example.tokens.prompt, example.tokens.completion]).toEqual([
          example.id,
          promptTokens,
          loaded.tokenizer.encode(whole).length - promptTokens,
        ]);
      }
    });
  },
  300_000,
);
