/** `npm start`: builds the page when its sources are newer, serves it on loopback and opens a browser. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { policyFor } from './policy.mjs';
import { serve } from './serve.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(root, 'dist', 'index.html');
const inputs = ['src', 'shaders', 'public', 'scripts', 'index.html', 'vite.config.ts', 'package-lock.json'];

function newestMtime(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMtime(join(path, name))));
}

function openBrowser(url) {
  const onDesktop = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!onDesktop || process.env.CI || process.env.ACC_NO_OPEN) return;
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}

async function serveOnFirstFreePort(first) {
  for (let port = first; port < first + 20; port++) {
    try {
      return await serve({ root: join(root, 'dist'), port, policyFor });
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
  return serve({ root: join(root, 'dist'), port: 0, policyFor });
}

if (!existsSync(built) || inputs.some((input) => newestMtime(join(root, input)) > statSync(built).mtimeMs)) {
  console.log('Building the workbench …');
  const { build } = await import('vite');
  await build({ root, logLevel: 'warn' });
}
const { url } = await serveOnFirstFreePort(Number(process.env.PORT ?? 4173));
const address = url.replace('127.0.0.1', 'localhost');
console.log(`ACC Workbench: ${address}\nStop with Ctrl+C.`);
openBrowser(address);
