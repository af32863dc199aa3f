/**
 * `npm test`: type check, lint, format, unit tests, GPU tests on both software adapters, build, end-to-end
 * tests. Prints the reason of each skip and ends with one line, `N passed, N failed, N skipped`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureSystemPackages } from './systemPackages.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'acc-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };

function run(command, args, env = {}) {
  return (
    spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0
  );
}

function step(name, work) {
  const started = Date.now();
  console.log(`\n== ${name}`);
  const done = work();
  total[done ? 'passed' : 'failed']++;
  console.log(`${done ? 'passed' : 'FAILED'}: ${name} (${((Date.now() - started) / 1000).toFixed(0)} s)`);
  return done;
}

function vitest(name, project, env = {}) {
  console.log(`\n== ${name}`);
  const countsFile = join(scratch, `${name.replaceAll(/\W/g, '-')}.json`);
  const finished = run(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      project,
      '--reporter',
      './scripts/testReporter.mjs',
      '--passWithNoTests',
    ],
    { ...env, ACC_TEST_COUNTS: countsFile },
  );
  if (!existsSync(countsFile)) {
    total.failed++;
    console.log(`FAILED: ${name} ended without a result`);
    return;
  }
  const counts = JSON.parse(readFileSync(countsFile, 'utf8'));
  for (const key of Object.keys(total)) total[key] += counts[key];
  if (!finished && counts.failed === 0) {
    total.failed++;
    console.log(`FAILED: ${name} did not end cleanly`);
  }
}

const missing = ensureSystemPackages();
step('type check', () => run('npm', ['run', '-s', 'typecheck']));
step('lint', () => run('npm', ['run', '-s', 'lint']));
step('format', () =>
  run(process.execPath, [
    'node_modules/prettier/bin/prettier.cjs',
    '--check',
    '--log-level',
    'warn',
    'src',
    'test',
    'scripts',
  ]),
);
vitest('unit tests', 'unit');
vitest('GPU tests on lavapipe', 'gpu', { ACC_TEST_ADAPTER: 'lavapipe' });
vitest('GPU tests on SwiftShader', 'gpu', { ACC_TEST_ADAPTER: 'swiftshader' });
if (
  step('build', () => run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn']))
) {
  vitest('end-to-end tests', 'e2e');
}
rmSync(scratch, { recursive: true, force: true });
for (const line of missing) console.log(`not tested: ${line}`);
console.log(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`,
);
process.exit(total.failed > 0 ? 1 : 0);
