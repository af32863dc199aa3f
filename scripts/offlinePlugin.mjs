/** Vite plugin: the policy as a meta element, and the list of files that the service worker keeps. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pagePolicy } from './policy.mjs';

/** Files fetched only when used are kept on first use instead: runtimes and weights of tens of MB. */
const onDemandAboveBytes = 12 * 1024 * 1024;

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

export function offlinePlugin() {
  let publicDir = 'public';
  return {
    name: 'acc-offline',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      publicDir = config.publicDir;
    },
    transformIndexHtml() {
      return [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: pagePolicy },
          injectTo: 'head-prepend',
        },
      ];
    },
    generateBundle(_options, bundle) {
      const hash = createHash('sha256');
      const files = ['./'];
      const onDemand = [];
      for (const [name, item] of Object.entries(bundle)) {
        if (name === 'sw.js' || name === 'index.html' || name.endsWith('.map')) continue;
        const content = item.type === 'chunk' ? item.code : item.source;
        hash.update(name).update(content);
        (content.length <= onDemandAboveBytes ? files : onDemand).push(name);
      }
      for (const path of filesUnder(publicDir)) {
        const name = relative(publicDir, path).replaceAll('\\', '/');
        hash.update(name).update(readFileSync(path));
        const isOnDemand = statSync(path).size > onDemandAboveBytes || name.startsWith('relay.');
        (isOnDemand ? onDemand : files).push(name);
      }
      const worker = bundle['sw.js'];
      if (!worker || worker.type !== 'chunk') return;
      const version = hash.digest('hex').slice(0, 16);
      const value = { version, files: files.sort(), onDemand: onDemand.sort(), policy: pagePolicy };
      worker.code = `const __PRECACHE__ = ${JSON.stringify(value)};\n${worker.code}`;
    },
  };
}
