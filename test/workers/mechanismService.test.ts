import { describe, expect, it } from 'vitest';
import type { MechanismDocument } from '../../src/mechanism/document.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { MechanismService } from '../../src/workers/mechanismService.ts';
import { generatedDocument } from '../helpers/mechanism.ts';

const shape = { layers: 2, heads: 2, experts: 4, perToken: 2, items: 6 };

/** One subject of the generated document, alone in a document of its own. */
function only(name: string, thresholds: readonly number[] = [256, 1024, 4096]): MechanismDocument {
  const document = generatedDocument(shape);
  return {
    ...document,
    settings: { ...document.settings, thresholds },
    subjects: document.subjects.filter((subject) => subject.name === name),
  };
}

describe('a subject that another document holds', () => {
  const compared = async (other: MechanismDocument) => {
    const root = new MemoryFolder();
    const service = new MechanismService(async () => root);
    await service.openProject('p1');
    const base = await service.save(only('base'), 'base', null);
    await service.save(other, 'adapter', null);
    if (!base.ok) throw new Error(base.message);
    const request = { documentId: base.value.id, baseline: 'base', comparison: 'ACC', control: null, metric: 'longRangeMass:1024' }; // prettier-ignore
    const frame = await service.frame(request);
    if (!frame.ok) throw new Error(frame.message);
    return frame.value;
  };

  it('is compared where it was measured on the same tokens by the same rules', async () => {
    const { comparison, metric, problem } = await compared(only('ACC'));
    expect([comparison, problem]).toEqual(['ACC', null]);
    expect(metric.change!.hasIntervals).toBe(true);
  });

  it('is not where its distances are others: the mass beyond them is not the same number', async () => {
    const { comparison, problem } = await compared(only('ACC', [128, 512, 2048]));
    expect(comparison).toBeNull();
    expect(problem).toContain('under other rules');
  });
});
