import { connect } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../scripts/serve.mjs';

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  server = await serve({ root: resolve(import.meta.dirname, '../../public') });
});
afterAll(() => server.close());

/** The status line of the answer to an address as it stands: `fetch` would mend it. */
function statusOf(address: string): Promise<string> {
  return new Promise((resolveLine, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolveLine(data.toString('latin1').split('\r\n')[0] ?? '');
    });
    socket.write(`GET ${address} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  });
}

describe('the server of the built page', () => {
  it.each(['/%', '//', '/missing.js', '/%00'])('answers %s with 404, and goes on', async (address) => {
    expect(await statusOf(address)).toBe('HTTP/1.1 404 Not Found');
    expect(await statusOf('/icon.svg')).toBe('HTTP/1.1 200 OK');
  });
});
