import { formatRoute } from '../../state/route.ts';
import { useApp } from '../../state/useApp.ts';
import { Tooltip } from '../widgets/Tooltip.tsx';
import { viewGroups, viewRegistry, type ViewDefinition } from './views.ts';

function ViewLink({ view }: { view: ViewDefinition }) {
  const current = useApp((state) => state.route.current.view === view.id);
  const go = useApp((state) => state.route.go);
  const stale = useApp((state) => view.status?.(state) ?? null);
  return (
    <Tooltip text={stale ?? view.hint} keys={`g ${view.key}`}>
      <a
        className="app-nav-link"
        href={formatRoute({ view: view.id, path: [], params: {} })}
        aria-current={current ? 'page' : undefined}
        onPointerEnter={view.preload}
        onFocus={view.preload}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
          event.preventDefault();
          go(view.id);
        }}
      >
        {view.label}
        {stale ? <span className="app-stale-dot" role="img" aria-label={`stale: ${stale}`} /> : null}
      </a>
    </Tooltip>
  );
}

/** The views of the workbench, grouped by the question asked. Groups appear when they have views. */
export function Navigation() {
  return (
    <nav className="app-nav" aria-label="Views">
      {viewGroups.map((group) => {
        const views = viewRegistry.filter((view) => view.group === group.id);
        if (views.length === 0) return null;
        return (
          <div key={group.id} className="app-nav-group" role="group" aria-label={group.label ?? 'Start'}>
            {group.label ? (
              <span className="app-nav-heading" aria-hidden="true">
                {group.label}
              </span>
            ) : null}
            {views.map((view) => (
              <ViewLink key={view.id} view={view} />
            ))}
          </div>
        );
      })}
    </nav>
  );
}
