/**
 * What the tests need from the system: Chromium, and the software Vulkan driver lavapipe for Dawn in Node.
 * Installed from Debian's packages when missing and permitted; otherwise each missing thing is named with
 * the command that installs it. Nothing here is needed to use the workbench.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const chromiumPaths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const lavapipePaths = ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'];

/** Path of the Chromium to test with (ACC_CHROMIUM overrides), or null. */
export function findChromium() {
  const candidates = process.env.ACC_CHROMIUM ? [process.env.ACC_CHROMIUM] : chromiumPaths;
  return candidates.find((path) => existsSync(path)) ?? null;
}

export function hasLavapipe() {
  return lavapipePaths.some((path) => existsSync(path));
}

function mesaVersionOf(policy) {
  return Number(/Candidate: (?:\d+:)?(\d+)/.exec(policy)?.[1] ?? 0);
}

/** Dawn refuses Mesa below 23; Debian 12 has a newer one in its backports, on the mirror already configured. */
function addBackportsWhenMesaIsOld(run) {
  const policy = execFileSync('apt-cache', ['policy', 'mesa-vulkan-drivers'], { encoding: 'utf8' });
  if (mesaVersionOf(policy) >= 23) return [];
  const debianSources = '/etc/apt/sources.list.d/debian.sources';
  if (!existsSync(debianSources)) return [];
  const text = readFileSync(debianSources, 'utf8');
  const mirror = /^URIs:\s*(\S+)/m.exec(text)?.[1];
  const signedBy = /^Signed-By:\s*(\S+)/m.exec(text)?.[1];
  if (!mirror || !/bookworm/.test(text)) return [];
  const entry = ['Types: deb', `URIs: ${mirror}`, 'Suites: bookworm-backports', 'Components: main'];
  if (signedBy) entry.push(`Signed-By: ${signedBy}`);
  writeFileSync('/etc/apt/sources.list.d/bookworm-backports.sources', `${entry.join('\n')}\n`);
  run(['update', '-qq']);
  return ['-t', 'bookworm-backports'];
}

/** Installs what is missing where it may; returns a line for each thing that is still missing. */
export function ensureSystemPackages(log = console.error) {
  const isRoot = process.getuid?.() === 0;
  const hasApt = spawnSync('apt-get', ['--version']).status === 0;
  if ((!findChromium() || !hasLavapipe()) && isRoot && hasApt) {
    const run = (args) =>
      spawnSync('apt-get', args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      }).status === 0;
    log('Installing the browser and the software GPU driver that the tests use …');
    run(['update', '-qq']);
    if (!findChromium()) {
      run([
        'install',
        '-y',
        '-qq',
        '--no-install-recommends',
        'chromium',
        'fonts-dejavu-core',
        'fonts-noto-core',
      ]);
    }
    if (!hasLavapipe()) {
      const from = addBackportsWhenMesaIsOld(run);
      run(['install', '-y', '-qq', '--no-install-recommends', ...from, 'mesa-vulkan-drivers', 'libvulkan1']);
    }
  }
  const missing = [];
  if (!findChromium()) {
    missing.push(
      'Chromium is missing (end-to-end and SwiftShader tests): apt-get install chromium, or set ACC_CHROMIUM',
    );
  }
  if (!hasLavapipe()) {
    missing.push(
      'Mesa lavapipe 23 or newer is missing (GPU tests in Node): apt-get install mesa-vulkan-drivers (Debian 12: -t bookworm-backports)',
    );
  }
  return missing;
}
