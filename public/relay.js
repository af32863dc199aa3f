/**
 * Runs in `relay.html`, the only document whose policy allows other origins. It holds no data of the user's:
 * it receives one request over a port from the page that framed it, fetches it, and streams the answer back.
 * Messages in:  { url, method, headers, body }   Messages out: { head } , { chunk } …, { done } or { error }.
 */
'use strict';
window.addEventListener('message', (event) => {
  if (event.origin !== window.location.origin || event.source !== window.parent) return;
  const port = event.ports[0];
  if (!port) return;
  const controllers = new AbortController();
  port.onmessage = async ({ data }) => {
    if (data.cancel) {
      controllers.abort();
      return;
    }
    try {
      const response = await fetch(data.url, {
        method: data.method || 'GET',
        headers: data.headers || {},
        body: data.body,
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: controllers.signal,
      });
      port.postMessage({ head: { status: response.status, url: response.url, headers: [...response.headers] } });
      const reader = response.body ? response.body.getReader() : null;
      while (reader) {
        const { done, value } = await reader.read();
        if (done) break;
        port.postMessage({ chunk: value }, [value.buffer]);
      }
      port.postMessage({ done: true });
    } catch (error) {
      port.postMessage({ error: String(error && error.message ? error.message : error) });
    }
  };
  port.postMessage({ ready: true });
});
