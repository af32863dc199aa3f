/**
 * `npm test`: type check, lint, format, unit tests, GPU tests on both software adapters, build, end-to-end
 * tests; two at a time where they do not disturb each other. Prints the reason of each skip and ends with one line,
 * `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensureSystemPackages } from './systemPackages.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'acc-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
/** Files with failed tests, to be run again when nothing else runs. */
const again = [];
/** Dawn says this of every device. */
const noise = /^Warning: maxDynamic/;

/** Runs a command, each of its lines printed behind the name; true when it succeeds. */
function run(name, command, args, env = {}) {
  const started = Date.now();
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on(
      'line',
      (line) => line.trim() && !noise.test(line) && console.log(`${name} | ${line}`),
    );
  }
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.log(`${name} | ${error.message}`);
      resolve(false);
    });
    child.on('close', (code) => {
      console.log(`${name} | ended after ${((Date.now() - started) / 1000).toFixed(0)} s`);
      resolve(code === 0);
    });
  });
}

async function check(name, command, args) {
  const isPassed = await run(name, command, args);
  total[isPassed ? 'passed' : 'failed']++;
  if (!isPassed) failures.push(name);
  console.log(`${name} | ${isPassed ? 'passed' : 'FAILED'}`);
  return isPassed;
}

/** Runs a project's tests, or those of some files; null when it ended without a result. */
async function runVitest(name, project, env, files = []) {
  const countsFile = join(scratch, `${name.replaceAll(/\W/g, '-')}.json`);
  rmSync(countsFile, { force: true });
  const finished = await run(
    name,
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      project,
      '--reporter',
      './scripts/testReporter.mjs',
      '--passWithNoTests',
      ...files,
    ],
    { ...env, ACC_TEST_COUNTS: countsFile },
  );
  return existsSync(countsFile) ? { finished, ...JSON.parse(readFileSync(countsFile, 'utf8')) } : null;
}

async function vitest(name, project, env = {}) {
  const result = await runVitest(name, project, env);
  if (!result) {
    total.failed++;
    failures.push(`${name} | ended without a result`);
    return;
  }
  for (const key of Object.keys(total)) total[key] += result[key];
  for (const test of result.failures) failures.push(`${name} | ${test}`);
  if (result.failedFiles.length > 0) again.push({ name, project, env, files: result.failedFiles });
  if (!result.finished && result.failed === 0) {
    total.failed++;
    failures.push(`${name} | did not end cleanly`);
  }
}

/**
 * Runs a few failed files once more, by themselves: what passes then fails only beside other work. It counts as
 * passed and is named, so that it can be mended.
 */
async function runAgain({ name, project, env, files }) {
  const result = await runVitest(name, project, env, files);
  for (const test of result?.passedTests ?? []) {
    const at = failures.indexOf(`${name} | ${test}`);
    if (at < 0) continue;
    failures.splice(at, 1);
    total.failed--;
    total.passed++;
    console.log(`passed only when run again by itself: ${name} | ${test}`);
  }
}

async function staticChecks() {
  const prettier = ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn'];
  await check('type check', 'npm', ['run', '-s', 'typecheck']);
  await check('lint', 'npm', ['run', '-s', 'lint']);
  await check('format', process.execPath, [...prettier, 'src', 'test', 'scripts']);
  return check('build', process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn']);
}

const missing = ensureSystemPackages();
const [isBuilt] = await Promise.all([staticChecks(), vitest('unit', 'unit')]);
await Promise.all([
  vitest('GPU, lavapipe', 'gpu', { ACC_TEST_ADAPTER: 'lavapipe' }),
  vitest('GPU, SwiftShader', 'gpu', { ACC_TEST_ADAPTER: 'swiftshader' }),
]);
if (isBuilt) await vitest('end-to-end', 'e2e');
// More than a few are no accident.
if (again.flatMap(({ files }) => files).length <= 3) for (const each of again) await runAgain(each);
rmSync(scratch, { recursive: true, force: true });
for (const failure of failures) console.log(`failed: ${failure}`);
for (const line of missing) console.log(`not tested: ${line}`);
console.log(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`,
);
process.exit(total.failed > 0 ? 1 : 0);
