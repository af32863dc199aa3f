import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { messageOf } from './core/errors.ts';
import { syncFilters } from './state/filterSync.ts';
import { browserAddressBar, syncRoute } from './state/routeSync.ts';
import { syncForm, syncUiSettings } from './state/settings.ts';
import { createAppStore } from './state/store.ts';
import { StoreContext } from './state/useApp.ts';
import { installWorkbench } from './state/workbenchApi.ts';
import { App } from './ui/app/App.tsx';
import { ImportGate } from './ui/views/start/ImportGate.tsx';
import { startDataClient } from './workers/dataClient.ts';
import { WorkerGoneError } from './workers/workerLink.ts';

/** Private windows may refuse even the access. */
function storageOrNull(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const data = startDataClient();
const store = createAppStore(data);
syncUiSettings(store, storageOrNull());
syncForm(store, (settings) => data.saveSettings(settings));
syncFilters(store);
syncRoute(store, browserAddressBar);
installWorkbench(store, data);
void store.getState().connect();

// What no view has caught is a bug: it is said, with its message, not swallowed.
window.addEventListener('unhandledrejection', (event) => {
  // That a worker has gone away is said once, not by each of its calls.
  if (event.reason instanceof WorkerGoneError && event.reason.code === 'worker-stopped') {
    event.preventDefault();
    return;
  }
  store.getState().ui.notify('error', 'Something went wrong in the workbench', messageOf(event.reason));
});

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
