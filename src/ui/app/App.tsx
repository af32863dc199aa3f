import { lazy, Suspense, useEffect, useMemo, useRef } from 'react';
import { ChartHostContext } from '../../charts/common/chartHost.ts';
import { formatRoute } from '../../state/route.ts';
import { useApp } from '../../state/useApp.ts';
import { IconButton } from '../widgets/Button.tsx';
import { Icon } from '../widgets/Icon.tsx';
import { Callout, Skeleton } from '../widgets/States.tsx';
import { TooltipGroup } from '../widgets/Tooltip.tsx';
import { useCommandKeys, useCommands, type Command } from './commands.ts';
import { ContextBar } from './ContextBar.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { InspectorFrame, InspectorProvider } from './Inspector.tsx';
import { JobTray } from './JobTray.tsx';
import { Navigation } from './Navigation.tsx';
import { ProjectSheets } from './project/ProjectSheets.tsx';
import { ReleasedPanel } from './project/ReleasedPanel.tsx';
import { SettingsMenu } from './SettingsMenu.tsx';
import { Toasts } from './Toasts.tsx';
import { Tour } from './Tour.tsx';
import { useRootAttributes, useTheme } from './useTheme.ts';
import { viewRegistry } from './views.ts';
import './tokens.css';
import './base.css';
import '../widgets/widgets.css';
import './shell.css';

const CommandPalette = lazy(() => import('./CommandPalette.tsx'));
const ShortcutSheet = lazy(() => import('./ShortcutSheet.tsx'));

const nextScale = { 1: 1.25, 1.25: 1.5, 1.5: 2, 2: 1 } as const;

/** Commands that work in every view. */
function useShellCommands(): void {
  const ui = useApp((state) => state.ui);
  const go = useApp((state) => state.route.go);
  const theme = useTheme();
  const commands = useMemo<readonly Command[]>(
    () => [
      ...viewRegistry.map((view) => ({
        id: `go.${view.id}`,
        title: `Go to ${view.label}`,
        group: 'Go to',
        keys: `g ${view.key}`,
        run: () => go(view.id),
      })),
      {
        id: 'palette.open',
        title: 'Open the command palette',
        group: 'Everywhere',
        keys: 'mod+k',
        listed: false,
        run: () => ui.setPaletteOpen(!ui.paletteOpen),
      },
      {
        id: 'help.open',
        title: 'Keyboard shortcuts',
        group: 'Everywhere',
        keys: '?',
        run: () => ui.setHelpOpen(true),
      },
      {
        id: 'inspector.toggle',
        title: ui.inspectorOpen ? 'Hide the inspector' : 'Show the inspector',
        group: 'Everywhere',
        keys: 'i',
        run: () => ui.setInspectorOpen(!ui.inspectorOpen),
      },
      {
        id: 'theme.toggle',
        title: theme === 'dark' ? 'Light theme' : 'Dark theme',
        group: 'Everywhere',
        keys: 'shift+t',
        run: () => ui.setTheme(theme === 'dark' ? 'light' : 'dark'),
      },
      {
        id: 'projector.scale',
        title: 'Projector: next scale',
        group: 'Everywhere',
        keys: 'shift+p',
        run: () => ui.setProjectorScale(nextScale[ui.projectorScale]),
      },
    ],
    [ui, go, theme],
  );
  useCommands(commands);
  useCommandKeys(ui.letterKeys);
}

function CurrentView() {
  const viewId = useApp((state) => state.route.current.view);
  const phase = useApp((state) => state.project.phase);
  const failure = useApp((state) => state.project.failure);
  const pin = useApp((state) => state.mechanism.pin);
  const host = useMemo(() => ({ onPin: pin }), [pin]);
  const main = useRef<HTMLElement>(null);
  const firstView = useRef(true);
  const view = viewRegistry.find(({ id }) => id === viewId) ?? viewRegistry[0];
  useEffect(() => {
    if (view) document.title = `${view.label} · ACC Workbench`;
    // A change of view moves focus there, so that a screen reader starts at the new content.
    if (!firstView.current) main.current?.focus({ preventScroll: true });
    firstView.current = false;
  }, [view]);
  if (!view) return null;
  const View = view.component;
  return (
    <main id="main" className="app-main" tabIndex={-1} ref={main} data-view={view.id} data-state={phase}>
      {phase === 'released' ? (
        <ReleasedPanel />
      ) : phase === 'failed' && failure ? (
        <div className="app-error">
          <Callout tone="bad" title={failure.message}>
            {failure.advice}
          </Callout>
        </div>
      ) : (
        <ErrorBoundary key={view.id} what={`The view “${view.label}”`}>
          <ChartHostContext value={host}>
            <Suspense fallback={<Skeleton lines={8} label={`Loading ${view.label}`} />}>
              <View />
            </Suspense>
          </ChartHostContext>
        </ErrorBoundary>
      )}
    </main>
  );
}

/** The shell: navigation, context bar, one view, inspector, job tray. */
export function App() {
  useRootAttributes();
  useShellCommands();
  const paletteOpen = useApp((state) => state.ui.paletteOpen);
  const helpOpen = useApp((state) => state.ui.helpOpen);
  const inspectorOpen = useApp((state) => state.ui.inspectorOpen);
  const setInspectorOpen = useApp((state) => state.ui.setInspectorOpen);
  const setPaletteOpen = useApp((state) => state.ui.setPaletteOpen);
  return (
    <TooltipGroup>
      <InspectorProvider>
        <a
          className="app-skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault();
            document.getElementById('main')?.focus();
          }}
        >
          Skip to the view
        </a>
        <div className="app-shell">
          <header className="app-header">
            <a className="app-brand" href={formatRoute({ view: 'start', path: [], params: {} })}>
              <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d="M2 3h5M2 6.5h3M2 10h4M2 13.5h2.5" />
                <path d="M9 3.2v9.6M9 8h5M11.6 5.4L14.2 8l-2.6 2.6" />
              </svg>
              <span>ACC Workbench</span>
            </a>
            <Navigation />
            <div className="app-header-tools">
              <button type="button" className="app-search-button" onClick={() => setPaletteOpen(true)}>
                <Icon name="search" />
                <span>Commands</span>
              </button>
              <IconButton
                icon="panelRight"
                label={inspectorOpen ? 'Hide the inspector' : 'Show the inspector'}
                keys="i"
                pressed={inspectorOpen}
                onClick={() => setInspectorOpen(!inspectorOpen)}
              />
              <SettingsMenu />
            </div>
          </header>
          <div>
            <ContextBar />
            <Tour />
          </div>
          <div className="app-body">
            <CurrentView />
            <InspectorFrame />
          </div>
          <JobTray />
        </div>
        <ProjectSheets />
        <Toasts />
        <Suspense fallback={null}>
          {paletteOpen ? <CommandPalette /> : null}
          {helpOpen ? <ShortcutSheet /> : null}
        </Suspense>
      </InspectorProvider>
    </TooltipGroup>
  );
}
