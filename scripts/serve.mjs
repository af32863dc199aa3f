/** A static file server for the built page: isolation headers, content security policy, byte ranges. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

/** Sent with every response; the page carries the same policy in a meta element for other hosts. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

function fileFor(root, url, basePath) {
  let path;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return null;
  }
  if (!path.startsWith(basePath)) return null;
  const inside = normalize(path.slice(basePath.length));
  if (inside.startsWith('..')) return null;
  const file = join(root, inside);
  if (file !== root && !file.startsWith(root.endsWith(sep) ? root : root + sep)) return null;
  if (existsSync(file) && statSync(file).isDirectory()) return join(file, 'index.html');
  return file;
}

function rangeOf(header, sizeBytes) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const start = match[1] === '' ? Math.max(0, sizeBytes - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  return start <= end ? { start, end } : null;
}

/**
 * Serves `root` under `basePath` on loopback.
 * @param {{ root: string, port?: number, basePath?: string, policyFor?: (path: string) => string | null }} options
 *   `port` 0 takes a free one; `policyFor` gives the content security policy of a path.
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serve({ root, port = 0, basePath = '/', policyFor = () => null }) {
  const server = createServer((request, response) => {
    const file = fileFor(root, request.url ?? '/', basePath);
    if (!file || !existsSync(file)) {
      response.writeHead(404, { 'Content-Type': 'text/plain', ...headers }).end('Not found');
      return;
    }
    const sizeBytes = statSync(file).size;
    const policy = policyFor(file.slice(root.length));
    const all = {
      ...headers,
      ...(policy ? { 'Content-Security-Policy': policy } : {}),
      'Content-Type': types[extname(file)] ?? 'application/octet-stream',
      'Accept-Ranges': 'bytes',
    };
    const range = rangeOf(request.headers.range, sizeBytes);
    const span = range ?? { start: 0, end: sizeBytes - 1 };
    if (range) all['Content-Range'] = `bytes ${range.start}-${range.end}/${sizeBytes}`;
    response.writeHead(range ? 206 : 200, {
      ...all,
      'Content-Length': Math.max(0, span.end - span.start + 1),
    });
    if (request.method === 'HEAD' || sizeBytes === 0) response.end();
    // Closes the file when the reader goes away, and the connection when the file does.
    else pipeline(createReadStream(file, span), response, () => undefined);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address();
  return {
    url: `http://127.0.0.1:${bound}${basePath}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
