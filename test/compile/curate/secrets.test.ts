import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanSecrets } from '../../../src/compile/curate/secrets.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../../helpers/shared.ts';

/** Stand-ins put together at run time, so that no scanner takes this file for a leak. */
const random = 'q7Zk2Lm9Xr4Tb8Vn1Wc6Yd3Hf5Jg0PsAeUiOBvNmKlQ'.repeat(4);
const pieces = (prefix: string, length: number): string => prefix + random.slice(0, length);

describe('secret scan', () => {
  it.each([
    ['OpenAI key', pieces('sk-proj-', 48)],
    ['Anthropic key', pieces('sk-ant-api03-', 90)],
    ['GitHub token', pieces('ghp_', 36)],
    ['GitHub token', `${pieces('github_pat_', 22)}_${random.slice(0, 59)}`],
    ['AWS key id', `AKIA${'Q7ZK2LM4XR3TB5VN'}`],
    ['Google key', pieces('AIza', 35)],
    ['Slack token', pieces('xoxb-', 40)],
    ['Stripe key', pieces('sk_live_', 30).slice(1)],
    ['Hugging Face token', `hf_${'QaZwSxEdCrFvTgByHnUjMiKoLpPlOkImJn'}`],
    ['JSON web token', `${pieces('eyJ', 30)}.${pieces('eyJ', 40)}.${random.slice(0, 43)}`],
    ['bearer token', `Bearer ${random.slice(0, 40)}`],
  ])('finds a %s', (what, secret) => {
    for (const text of [`KEY="${secret}"`, `{\\n${secret}\\n}`, secret]) {
      const [finding, ...more] = scanSecrets(text);
      expect(more).toEqual([]);
      expect(finding?.what).toBe(what);
      expect(text.slice(finding?.start, finding?.end)).toContain(secret.slice(-20));
      expect(finding?.preview.length).toBeLessThan(30);
      expect(finding?.preview).not.toContain(secret.slice(8, 20));
    }
  });

  it('finds private keys, passwords in URLs, e-mail addresses and user names in paths', () => {
    const text = [
      `-----BEGIN RSA ${'PRIVATE'} KEY-----\\n${random.slice(0, 64)}`,
      'postgres://service:h8Kq-2w!x@db.internal.net:5432/x',
      'From: Ada L. <ada.lovelace+notes@analytical-engine.co.uk>',
      'cd /home/alovelace/work && ls /Users/adal/x',
      'C:\\\\Users\\\\alovelace\\\\Desktop',
    ].join('\n');
    const found = scanSecrets(text).map((finding) => [finding.kind, text.slice(finding.start, finding.end)]);
    expect(found).toEqual([
      ['private-key', `-----BEGIN RSA ${'PRIVATE'} KEY-----`],
      ['url-password', 'h8Kq-2w!x'],
      ['email', 'ada.lovelace+notes@analytical-engine.co.uk'],
      ['home-directory-user', 'alovelace'],
      ['home-directory-user', 'adal'],
      ['home-directory-user', 'alovelace'],
    ]);
  });

  it.each([
    'git@github.com:a/b.git user@example.com noreply@github.com icon@2x.png lib@1.2.3 pkg@latest.js',
    '@decorator\nclass X: pass  # a@b  x == y @ z.T  foo@bar.local',
    'sk-your-api-key-goes-here-please-now ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx sk-learn-contrib',
    'https://user:password@host/ https://${USER}:${PASS}@host http://localhost:8000/@vite/client',
    '/home/user/x /Users/username/y /home/runner/work /home/ubuntu /home/$USER /home/ /Users/Shared/x',
    `task-${random.slice(0, 40)} risk-${random.slice(0, 40)}`,
    `-----BEGIN ${'PRIVATE'} KEY----- is how such a file starts`,
  ])('leaves %s alone', (text) => {
    expect(scanSecrets(text)).toEqual([]);
  });

  it('is linear and bounded on hostile text', () => {
    const start = performance.now();
    for (const unit of [
      '@',
      'a@',
      'a.@a.',
      'eyJ',
      'sk-',
      '://a:',
      '-----BEGIN ',
      'PRIVATE KEY',
      '/home/a.',
      'x@y.z@',
    ]) {
      expect(scanSecrets(unit.repeat(200_000)).length).toBeLessThanOrEqual(1000);
    }
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it.skipIf(!hasShared)(`has few false alarms on recorded runs (skipped when ${sharedSkipReason})`, () => {
    const files = readdirSync(sharedPath('trajectories'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => /\.(json|jsonl|traj|txt)$/.test(file),
    );
    const found = files.flatMap((file) => {
      const text = readFileSync(join(sharedPath('trajectories'), file), 'utf8');
      return scanSecrets(text).map(
        (finding) => `${file}: ${finding.what} ${text.slice(finding.start, finding.end)}`,
      );
    });
    // The files were cleaned of secrets before they were kept; what is left is public names.
    expect(found.filter((line) => !/e-mail address|user name/.test(line))).toEqual([]);
    expect(new Set(found.map((line) => line.replace(/^.*?: /, ''))).size).toBeLessThan(12);
  });
});
