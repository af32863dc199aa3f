/// <reference lib="WebWorker" />
/**
 * Offline use: keeps the built files of one version and answers from them, so that the second visit needs
 * no network. The same worker adds the isolation and policy headers that a plain static host cannot send.
 * `__PRECACHE__` is replaced at build time by {version, files, onDemand, policy}; the files are all of the build
 * but those loaded on demand, which are kept when first used. Whatever else lies on the origin is not kept.
 */
declare const __PRECACHE__: { version: string; files: string[]; onDemand: string[]; policy: string };

// The library types every worker's global alike.
const worker = self as unknown as ServiceWorkerGlobalScope;

const cachePrefix = 'acc-workbench-';
const cacheName = cachePrefix + __PRECACHE__.version;
const known = new Set(
  [...__PRECACHE__.files, ...__PRECACHE__.onDemand].map((file) => new URL(file, worker.location.href).href),
);

worker.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(cacheName);
      await cache.addAll(__PRECACHE__.files.map((file) => new Request(file, { cache: 'reload' })));
      // A first installation takes over at once; an update waits until no tab runs the old version.
      if (!worker.registration.active) await worker.skipWaiting();
    })(),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith(cachePrefix) && name !== cacheName) await caches.delete(name);
      }
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener('message', (event) => {
  if (event.data === 'use-new-version') void worker.skipWaiting();
});

function withHeaders(response: Response, path: string): Response {
  // Opaque and partial answers cannot be rebuilt.
  if (response.type === 'opaque' || response.status === 206) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  // The relay document has a policy of its own.
  if (!/\/relay\.(html|js)$/.test(path)) headers.set('Content-Security-Policy', __PRECACHE__.policy);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin || request.headers.has('range'))
    return;
  const isKnown = known.has(url.origin + url.pathname);
  if (request.mode !== 'navigate' && !isKnown) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(cacheName);
      const key = request.mode === 'navigate' && !url.pathname.endsWith('relay.html') ? './' : request;
      const kept = await cache.match(key, { ignoreSearch: request.mode === 'navigate' });
      if (kept) return withHeaders(kept, url.pathname);
      const fresh = await fetch(request);
      if (isKnown && fresh.ok && fresh.type === 'basic') {
        // A full disk must not turn an answer into a failure.
        event.waitUntil(cache.put(request, fresh.clone()).catch(() => undefined));
      }
      return withHeaders(fresh, url.pathname);
    })(),
  );
});
