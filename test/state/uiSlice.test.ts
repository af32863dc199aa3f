import { describe, expect, it } from 'vitest';
import { createUiSlice, persistedUi, type UiSlice } from '../../src/state/uiSlice.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';

function shell(): () => UiSlice {
  let slice: UiSlice;
  const get = (): UiSlice => slice;
  slice = createUiSlice(
    (update) => {
      slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
    },
    get,
    {} as DataApi,
  );
  return get;
}

describe('messages of the shell', () => {
  it('says the same thing once, behind what was said since', () => {
    const get = shell();
    get().notify('success', 'Pinned');
    get().notify('error', 'Not saved', 'the disk is full');
    get().notify('success', 'Pinned');
    get().notify('error', 'Not saved', 'the folder is gone');
    expect(get().toasts.map(({ title, detail }) => [title, detail])).toEqual([
      ['Not saved', 'the disk is full'],
      ['Pinned', null],
      ['Not saved', 'the folder is gone'],
    ]);
    const ids = get().toasts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('projecting', () => {
  it('is in large type, goes back to the scale of before, and is not what is kept over a reload', () => {
    const get = shell();
    get().setProjecting(true);
    expect([get().projectorScale, persistedUi(get()).projectorScale]).toEqual([1.5, 1]);
    get().setProjecting(false);
    expect([get().projectorScale, get().deskScale]).toEqual([1, null]);
    get().setProjectorScale(1.25);
    get().setProjecting(true);
    get().setProjectorScale(2);
    expect(persistedUi(get()).projectorScale).toBe(1.25);
    get().setProjecting(false);
    expect(get().projectorScale).toBe(1.25);
  });
});
