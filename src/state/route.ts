/** Views that exist. Work that is not there yet has no view. */
const views = [
  'start',
  'trajectories',
  'compile',
  'qa',
  'model',
  'train',
  'evaluate',
  'mechanism',
  'compare',
  'walk',
] as const;
export type View = (typeof views)[number];

/**
 * What the address bar says after '#': `/trajectories/<id>?step=12`, `/qa/<set>/<example>?piece=p3`.
 * `path` holds decoded segments after the view; `params` the readable query.
 */
export interface Route {
  readonly view: View;
  readonly path: readonly string[];
  readonly params: Readonly<Record<string, string>>;
}

export const startRoute: Route = { view: 'start', path: [], params: {} };

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads a location hash. Unknown views and empty hashes give Start. */
export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#?\/?/, '');
  const mark = text.indexOf('?');
  const segments = (mark < 0 ? text : text.slice(0, mark)).split('/').map(decode);
  const view = views.find((name) => name === segments[0]);
  if (!view) return startRoute;
  const params: Record<string, string> = {};
  if (mark >= 0) for (const [key, value] of new URLSearchParams(text.slice(mark + 1))) params[key] = value;
  return { view, path: segments.slice(1).filter((segment) => segment !== ''), params };
}

/** Writes a route as a location hash. Parameters are sorted, so that equal routes give equal addresses. */
export function formatRoute(route: Route): string {
  const path = [route.view, ...route.path].map(encodeURIComponent).join('/');
  const query = new URLSearchParams(
    Object.entries(route.params)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ).toString();
  return `#/${path}${query === '' ? '' : `?${query}`}`;
}

/** True when two routes show the same screen, whatever their parameters. */
export function sameScreen(a: Route, b: Route): boolean {
  return (
    a.view === b.view && a.path.length === b.path.length && a.path.every((part, i) => part === b.path[i])
  );
}
