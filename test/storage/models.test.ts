import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/core/byteSource.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ModelStore, storedModelId } from '../../src/storage/models.ts';
import { bytesSource } from '../helpers/checkpoint.ts';

const mebibyte = 1024 * 1024;

/** A file of repeating numbers, with the ranges that were asked of it. */
function countedSource(name: string, size: number): { source: ByteSource; reads: [number, number][] } {
  const inner = bytesSource(
    name,
    Uint8Array.from({ length: size }, (_, index) => index % 251),
  );
  const reads: [number, number][] = [];
  return {
    reads,
    source: {
      ...inner,
      read: (start, end) => {
        reads.push([start, end]);
        return inner.read(start, end);
      },
    },
  };
}

describe('models kept on this computer', () => {
  it('are copied in steps and read back the same', async () => {
    const store = new ModelStore(new MemoryFolder());
    const config = countedSource('config.json', 40);
    const weights = countedSource('model.safetensors', 20 * mebibyte);
    const progress: number[] = [];
    const id = await store.copy(
      'Tiny Model',
      'folder x',
      [
        { name: 'config.json', source: config.source, sizeBytes: 40 },
        { name: 'model.safetensors', source: weights.source, sizeBytes: 20 * mebibyte },
      ],
      { onProgress: (done) => progress.push(done) },
    );
    expect(await store.list()).toEqual([
      expect.objectContaining({ id, name: 'Tiny Model', complete: true, sizeBytes: 20 * mebibyte + 40 }),
    ]);
    expect(Math.max(...weights.reads.map(([start, end]) => end - start))).toBe(8 * mebibyte);
    expect(progress.at(-1)).toBe(20 * mebibyte + 40);
    const file = await store.openFile(id, 'model.safetensors');
    const kept = new Uint8Array(await file!.arrayBuffer());
    expect([kept.length, kept[12_345_678]]).toEqual([20 * mebibyte, 12_345_678 % 251]);
    expect(await store.openFile(id, '../config.json')).toBeNull();
    await store.delete(id);
    expect(await store.list()).toEqual([]);
  });

  it('a stopped copy says so and goes on where it ended', async () => {
    const store = new ModelStore(new MemoryFolder());
    const sizeBytes = 20 * mebibyte;
    const first = countedSource('w', sizeBytes);
    const controller = new AbortController();
    const stopped = store.copy('m', 'here', [{ name: 'w', source: first.source, sizeBytes }], {
      signal: controller.signal,
      onProgress: (done) => {
        if (done > 0) controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const id = storedModelId('m', 'here');
    expect(await store.read(id)).toMatchObject({ complete: false, doneBytes: 8 * mebibyte });
    const second = countedSource('w', sizeBytes);
    await store.copy('m', 'here', [{ name: 'w', source: second.source, sizeBytes }]);
    expect(second.reads[0]).toEqual([8 * mebibyte, 16 * mebibyte]);
    expect(await store.read(id)).toMatchObject({ complete: true });
  });

  it('a copy of files that changed since starts over', async () => {
    const store = new ModelStore(new MemoryFolder());
    const file = (size: number) => ({ name: 'w', source: countedSource('w', size).source, sizeBytes: size });
    await store.copy('m', 'here', [file(1000)]);
    const id = await store.copy('m', 'here', [file(900)]);
    expect(await store.read(id)).toMatchObject({ sizeBytes: 900, doneBytes: 900 });
  });

  it('keeps kernel choices by adapter beside them', async () => {
    const store = new ModelStore(new MemoryFolder());
    await store.saveKernels('adapter a', '{"matmul":"lanes"}');
    await store.saveKernels('adapter b', '{}');
    expect(await store.loadKernels('adapter a')).toBe('{"matmul":"lanes"}');
    expect(await store.loadKernels('__proto__')).toBeNull();
    expect(await store.list()).toEqual([]);
  });
});
