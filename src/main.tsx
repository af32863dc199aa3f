import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { syncFilters } from './state/filterSync.ts';
import { browserAddressBar, syncRoute } from './state/routeSync.ts';
import { createAppStore } from './state/store.ts';
import { StoreContext } from './state/useApp.ts';
import { installWorkbench } from './state/workbenchApi.ts';
import { App } from './ui/app/App.tsx';
import { ImportGate } from './ui/views/start/ImportGate.tsx';
import { startDataClient } from './workers/dataClient.ts';

const data = startDataClient();
const store = createAppStore(data);
syncFilters(store);
syncRoute(store, browserAddressBar);
installWorkbench(store, data);
void store.getState().connect();

const root = document.getElementById('root');
if (!root) throw new Error('Internal error: the page has no #root element');
createRoot(root).render(
  <StrictMode>
    <StoreContext value={store}>
      <App />
      <ImportGate />
    </StoreContext>
  </StrictMode>,
);

// The second visit then works without a network. A browser that refuses service workers loses only that.
if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register('./sw.js').catch(() => undefined);
}
