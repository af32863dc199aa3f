import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultMechanismOptions, parseMechanismDocument, subjectOf } from '../../src/mechanism/index.ts';
import type { SubjectMeasurement } from '../../src/mechanism/measure.ts';
import { measureOrtMechanism } from '../../src/mechanism/measureOrt.ts';
import { openAdapter } from '../../src/model/adapter.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { OrtHost } from '../../src/model/ort/host.ts';
import { OrtSession } from '../../src/model/ort/session.ts';
import { bytesSource, fixtureFiles } from '../helpers/checkpoint.ts';
import { worstDifference } from '../helpers/mechanismAgreement.ts';
import { fixtureFolder, fixtureItems } from './fixtures.ts';

const options = { ...defaultMechanismOptions, thresholds: [16, 64, 256], bins: 16 };

describe('measuring a model from the outputs of its ONNX graph', () => {
  it.each(['base', 'adapter', 'control'] as const)(
    'gives every statistic that PyTorch gives: %s',
    async (kind) => {
      const checkpoint = await openCheckpoint(fixtureFiles('tiny-moe'));
      const files = {
        name: kind,
        open: (file: string) => {
          const path = resolve(fixtureFolder, kind, file);
          return Promise.resolve(
            existsSync(path) ? bytesSource(file, new Uint8Array(readFileSync(path))) : null,
          );
        },
      };
      const host = new OrtHost((model) => OrtSession.open(model, { threads: 1 }));
      const load = { weightType: 'f32', kvType: 'f32', contextLength: 320, chunkTokens: 48 } as const;
      const measuredWith = async (
        queries: 'answer' | 'all',
        isBase: boolean,
      ): Promise<SubjectMeasurement> => {
        const adapter = isBase ? null : await openAdapter(files, checkpoint);
        const loaded = await host.load(checkpoint, load, {
          mechanism: true,
          ...(adapter ? { adapter } : {}),
        });
        if (!loaded.ok) throw loaded.error;
        return measureOrtMechanism(loaded.value, fixtureItems(), { ...options, queries });
      };
      for (const queries of ['answer', 'all'] as const) {
        const name = `reference-${queries}.json`;
        const document = parseMechanismDocument(readFileSync(resolve(fixtureFolder, name), 'utf8'), name);
        const expected = document.subjects.find((subject) => subject.kind === kind)!;
        const base = kind === 'base' ? null : await measuredWith(queries, true);
        const subject = subjectOf({ name: kind, kind }, await measuredWith(queries, kind === 'base'), base);
        const routerSummary = expected.routerSummary.map((row) =>
          base ? row : { ...row, saturationAgainstBase: null },
        );
        const named = { ...expected, name: kind, adapterSha256: subject.adapterSha256, routerSummary };
        const found = worstDifference(subject, named, kind);
        expect(found.excess, found.path).toBeLessThan(1);
      }
      await host.unload();
    },
  );
});
