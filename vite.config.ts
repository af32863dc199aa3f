import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { copyTokenizer } from './scripts/copyTokenizer.mjs';
import { offlinePlugin } from './scripts/offlinePlugin.mjs';

/** Cross-origin isolation: threads for onnxruntime-web's WASM. */
const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  plugins: [
    react(),
    offlinePlugin(),
    {
      name: 'acc-bundled-tokenizer',
      async config() {
        if (!process.env['VITEST']) await copyTokenizer();
      },
    },
  ],
  // Its module finds the wasm file beside itself, which bundling ahead of time would break (see its README).
  optimizeDeps: { exclude: ['@sqlite.org/sqlite-wasm'] },
  worker: { format: 'es' },
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  build: {
    target: 'es2023',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: { main: 'index.html', sw: 'src/offline/serviceWorker.ts' },
      // The service worker's address must not change between versions.
      output: { entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/**/*.gpu.test.ts', 'test/e2e/**'],
          environment: 'node',
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          include: ['test/**/*.gpu.test.ts'],
          environment: 'node',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 240_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
