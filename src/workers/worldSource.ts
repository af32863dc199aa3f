import { sqlSessions } from '../compile/sql/sessions.ts';
import { defaultWorldOptions, makeWorld } from '../world/makeWorld.ts';
import type { ImportSource, ReadySource } from './dataApi.ts';

/** Sources of which each made-up world is made: its logs as one folder, each database as a file. */
export async function withWorldsMade(sources: readonly ImportSource[]): Promise<ReadySource[]> {
  const made: ReadySource[] = [];
  for (const source of sources) {
    if (source.type !== 'world') {
      made.push(source);
      continue;
    }
    const { count, seed } = source;
    const files = makeWorld({ ...defaultWorldOptions, count, seed }, await sqlSessions());
    const folder = `world-${String(seed)}`;
    const logs: { path: string; file: File }[] = [];
    for (const { path, text } of files) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const file = new File([text], name);
      if (path.startsWith('databases/')) made.push({ type: 'file', file, path: `${folder}/${path}` });
      else logs.push({ path: `${folder}/${path}`, file });
    }
    made.push({ type: 'folder', path: folder, files: logs });
  }
  return made;
}
