import { describe, expect, it } from 'vitest';
import { RepoPaths } from '../../../src/trajectories/extract/repoPath.ts';

describe('RepoPaths', () => {
  it.each([
    // The shortest path that ends with the patch's reveals the root; in it lie other files of that name.
    [[], ['/opt/x/lib/ui/src/a.js', '/opt/x/src/a.js'], '/opt/x/lib/ui/src/a.js', 'lib/ui/src/a.js'],
    [[], ['/opt/x/src/b.js', '/opt/x/lib/src/a.js'], '/opt/x/lib/src/a.js', 'lib/src/a.js'],
    // A folder below a root that is known is none.
    [[], ['/testbed/lib/src/a.js'], '/testbed/lib/src/a.js', 'lib/src/a.js'],
    [['/srv/x'], ['/srv/x/lib/src/a.js'], '/srv/x/lib/src/a.js', 'lib/src/a.js'],
  ])('with roots %j and paths %j takes %s for %s', (roots, absolute, path, expected) => {
    expect(new RepoPaths(roots, ['src/a.js', 'src/b.js'], absolute).normalise(path)).toBe(expected);
  });
});
