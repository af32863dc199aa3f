/** The real page over generated data, for tests of looks, keys and speed that need no files and no workers. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { browserAddressBar, syncRoute } from '../../../src/state/routeSync.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { StoreContext } from '../../../src/state/useApp.ts';
import { App } from '../../../src/ui/app/App.tsx';
import { generatedData } from './generatedData.ts';

const query = new URLSearchParams(window.location.search);
const store = createAppStore(
  generatedData({
    exampleCount: Number(query.get('examples') ?? 240),
    stale: query.get('stale') === '1',
    twoSets: query.get('sets') === '2',
  }),
);
syncRoute(store, browserAddressBar);
void store.getState().connect();
Object.assign(window, { harnessStore: store });

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <StoreContext value={store}>
        <App />
      </StoreContext>
    </StrictMode>,
  );
}
