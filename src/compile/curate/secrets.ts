type SecretKind =
  'api-key' | 'access-token' | 'private-key' | 'url-password' | 'email' | 'home-directory-user';

export interface SecretFinding {
  readonly kind: SecretKind;
  /** What it looks like, e.g. `GitHub token`. */
  readonly what: string;
  /** Range in the text, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Enough to recognise it, not to use it. */
  readonly preview: string;
}

interface Rule {
  readonly kind: SecretKind;
  readonly what: string;
  /** Literal that every finding holds. */
  readonly anchor: string;
  /** How far before the anchor a finding may start. */
  readonly before: number;
  /** Matched with the sticky flag. Every repetition is bounded, so each anchor costs bounded time. */
  readonly pattern: RegExp;
  /** Group of the pattern that is the secret itself (default: all of it). */
  readonly group?: number;
  readonly accept?: (secret: string) => boolean;
}

const key = (what: string, anchor: string, pattern: RegExp, kind: SecretKind = 'api-key'): Rule => ({
  kind,
  what,
  anchor,
  before: 0,
  pattern,
  accept: looksRandom,
});

/** Formats as the providers document them; the lengths keep words and identifiers out. */
const rules: readonly Rule[] = [
  key('Anthropic key', 'sk-ant-', /sk-ant-[A-Za-z0-9]{2,12}-[\w-]{40,200}/y),
  key('OpenRouter key', 'sk-or-', /sk-or-v1-[a-f0-9]{64}/y),
  key('OpenAI key', 'sk-', /sk-(?!ant-|or-)(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_-]{32,200}/y),
  key('GitHub token', 'ghp_', /ghp_[A-Za-z0-9]{36,255}/y, 'access-token'),
  key('GitHub token', 'gho_', /gho_[A-Za-z0-9]{36,255}/y, 'access-token'),
  key('GitHub token', 'ghu_', /ghu_[A-Za-z0-9]{36,255}/y, 'access-token'),
  key('GitHub token', 'ghs_', /ghs_[A-Za-z0-9]{36,255}/y, 'access-token'),
  key('GitHub token', 'ghr_', /ghr_[A-Za-z0-9]{36,255}/y, 'access-token'),
  key('GitHub token', 'github_pat_', /github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}/y, 'access-token'),
  key('GitLab token', 'glpat-', /glpat-[\w-]{20,64}/y, 'access-token'),
  key('AWS key id', 'AKIA', /AKIA[A-Z2-7]{16}(?![A-Za-z0-9])/y),
  key('AWS key id', 'ASIA', /ASIA[A-Z2-7]{16}(?![A-Za-z0-9])/y),
  key('Google key', 'AIza', /AIza[\w-]{35}(?![\w-])/y),
  key('Google token', 'ya29.', /ya29\.[\w-]{30,300}/y, 'access-token'),
  key('Slack token', 'xox', /xox[abeoprs]-[A-Za-z0-9-]{20,250}/y, 'access-token'),
  key('Slack webhook', 'hooks.slack.com/', /hooks\.slack\.com\/services\/T\w{8,12}\/B\w{8,12}\/\w{20,30}/y),
  key('Stripe key', 'k_live_', /k_live_[A-Za-z0-9]{20,120}/y),
  key('Hugging Face token', 'hf_', /hf_[A-Za-z]{34}(?![A-Za-z0-9])/y, 'access-token'),
  key('npm token', 'npm_', /npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/y, 'access-token'),
  key('PyPI token', 'pypi-', /pypi-AgE[\w-]{50,300}/y, 'access-token'),
  key('SendGrid key', 'SG.', /SG\.[\w-]{16,32}\.[\w-]{32,64}/y),
  key('DigitalOcean token', 'dop_v1_', /dop_v1_[a-f0-9]{64}/y, 'access-token'),
  key('Groq key', 'gsk_', /gsk_[A-Za-z0-9]{40,64}/y),
  key('Replicate token', 'r8_', /r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])/y, 'access-token'),
  key('Tavily key', 'tvly-', /tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,64}/y),
  key('xAI key', 'xai-', /xai-[A-Za-z0-9]{60,100}/y),
  key('Perplexity key', 'pplx-', /pplx-[A-Za-z0-9]{40,64}/y),
  key('Databricks token', 'dapi', /dapi[a-f0-9]{32}(?![a-f0-9])/y, 'access-token'),
  key('Azure storage key', 'AccountKey=', /AccountKey=[A-Za-z0-9+/]{86}==/y),
  key('JSON web token', 'eyJ', /eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}/y, 'access-token'),
  key('bearer token', 'Bearer ', /Bearer [A-Za-z0-9._~+/-]{32,2000}={0,2}/y, 'access-token'),
  {
    kind: 'private-key',
    what: 'private key',
    anchor: 'PRIVATE KEY',
    before: 40,
    pattern:
      /-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?=(?:\\n|\\r|[\s"'+,]){0,20}[A-Za-z0-9+/:=-]{16})/y,
  },
  {
    kind: 'url-password',
    what: 'password in a URL',
    // Most addresses hold no password, so the sign behind one is looked for.
    anchor: '@',
    before: 304,
    pattern: /:\/\/[^\s:/@"'<>\\]{1,100}:([^\s:/@"'<>\\]{3,200})@[A-Za-z0-9[]/y,
    group: 1,
    accept: (secret) => !isPlaceholder(secret),
  },
  {
    kind: 'email',
    what: 'e-mail address',
    anchor: '@',
    before: 64,
    pattern:
      /[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![A-Za-z0-9])/y,
    accept: isPersonalAddress,
  },
  ...['/home/', '/Users/'].map((anchor): Rule => ({
    kind: 'home-directory-user',
    what: 'user name in a path',
    anchor,
    before: 0,
    pattern: /\/(?:home|Users)\/([A-Za-z_][\w.-]{0,31})(?![\w.@-])/y,
    group: 1,
    accept: isPersonalName,
  })),
  {
    kind: 'home-directory-user',
    what: 'user name in a path',
    anchor: ':\\',
    before: 0,
    pattern: /:\\{1,4}Users\\{1,4}([A-Za-z_][\w.-]{0,31})(?=\\)/y,
    group: 1,
    accept: isPersonalName,
  },
];

export interface SecretScanOptions {
  readonly kinds?: readonly SecretKind[];
  /** At most this many findings of one kind (default 200). */
  readonly limit?: number;
}

/** The rules of a scan and a table of the three-character beginnings of their anchors. */
interface Triggers {
  readonly rules: readonly Rule[];
  readonly table: Uint8Array;
}

const AT_SIGN = 0x40;
const triggersOfKinds = new Map<string, Triggers>();

function tripleHash(a: number, b: number, c: number): number {
  return (Math.imul(a, 961) ^ Math.imul(b, 31) ^ c) & 0xffff;
}

function triggersFor(kinds: readonly SecretKind[] | undefined): Triggers {
  const name = kinds ? [...new Set(kinds)].sort().join() : 'all';
  let triggers = triggersOfKinds.get(name);
  if (!triggers) {
    const chosen = kinds ? rules.filter((rule) => kinds.includes(rule.kind)) : rules;
    const table = new Uint8Array(0x10000);
    for (const { anchor } of chosen) {
      // One anchor is a single character, which the scan looks for itself; one has two, so any third will do.
      const thirds = anchor.length === 2 ? ['U', '\\'] : [anchor.charAt(2)];
      if (anchor.length === 1) continue;
      for (const third of thirds) {
        table[tripleHash(anchor.charCodeAt(0), anchor.charCodeAt(1), third.charCodeAt(0))] = 1;
      }
    }
    triggers = { rules: chosen, table };
    triggersOfKinds.set(name, triggers);
  }
  return triggers;
}

/**
 * Finds secrets and personal names in a text, ordered by place. Linear: one pass looks for the beginnings of
 * anchors, and around each a bounded match follows.
 */
export function scanSecrets(text: string, options: SecretScanOptions = {}): SecretFinding[] {
  const { rules: active, table } = triggersFor(options.kinds);
  const limit = options.limit ?? 200;
  const found: SecretFinding[] = [];
  const counts = new Map<SecretKind, number>();
  const lastEnds = new Int32Array(active.length);
  const tryRules = (at: number): void => {
    active.forEach((rule, index) => {
      if (at < lastEnds[index]! || !text.startsWith(rule.anchor, at)) return;
      const count = counts.get(rule.kind) ?? 0;
      const finding = count < limit ? matchAround(text, at, rule) : null;
      if (!finding || finding.end <= lastEnds[index]!) return;
      lastEnds[index] = finding.end;
      found.push(finding);
      counts.set(rule.kind, count + 1);
    });
  };
  let a = 0;
  let b = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === AT_SIGN) tryRules(i);
    if (table[tripleHash(a, b, c)] !== 0) tryRules(i - 2);
    a = b;
    b = c;
  }
  found.sort((x, y) => x.start - y.start || y.end - x.end);
  // Two rules may see one secret (a JSON web token after "Bearer"); the wider finding stays.
  return found.filter((finding, i) => i === 0 || finding.start >= (found[i - 1]?.end ?? 0));
}

function matchAround(text: string, at: number, rule: Rule): SecretFinding | null {
  const from = rule.before === 0 ? at : startBefore(text, at, rule);
  if (from < 0 || (rule.before === 0 && isWordBefore(text, at, rule))) return null;
  rule.pattern.lastIndex = from;
  const match = rule.pattern.exec(text);
  if (!match) return null;
  const secret = match[rule.group ?? 0] ?? match[0];
  if (rule.accept && !rule.accept(secret)) return null;
  const start = from + (rule.group === undefined ? 0 : match[0].lastIndexOf(secret));
  return {
    kind: rule.kind,
    what: rule.what,
    start,
    end: start + secret.length,
    preview: mask(secret, rule.kind),
  };
}

/** Where a finding around an anchor starts: its local part, its `://` or its `-----BEGIN`. */
function startBefore(text: string, at: number, rule: Rule): number {
  const opening = rule.kind === 'private-key' ? '-----BEGIN' : rule.kind === 'url-password' ? '://' : null;
  if (opening !== null) {
    // Only the characters just before: a search back through the whole text would be quadratic.
    const lowest = Math.max(0, at - rule.before);
    const begin = text.slice(lowest, at).lastIndexOf(opening);
    return begin < 0 ? -1 : lowest + begin;
  }
  let start = at;
  while (start > 0 && at - start < rule.before && isLocalPart(text.charCodeAt(start - 1))) start--;
  while (start < at && !isAlphanumeric(text.charCodeAt(start))) start++;
  return start < at ? start : -1;
}

/** A key inside a longer word is no key. `k_live_` follows the `s`, `r` or `p` of its kind. */
function isWordBefore(text: string, at: number, rule: Rule): boolean {
  if (at === 0 || /^[:/]/.test(rule.anchor)) return false;
  if (rule.anchor === 'k_live_') return false;
  const unit = text.charCodeAt(at - 1);
  // An escape such as \n before a key in JSON text ends in a letter.
  if (unit === 0x6e && text.charCodeAt(at - 2) === 0x5c) return false;
  return isAlphanumeric(unit) || unit === 0x5f || unit === 0x2d;
}

function isAlphanumeric(unit: number): boolean {
  return (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
}

function isLocalPart(unit: number): boolean {
  return (
    isAlphanumeric(unit) || unit === 0x2e || unit === 0x5f || unit === 0x25 || unit === 0x2b || unit === 0x2d
  );
}

/** Real keys mix characters; documentation writes `sk-xxxxxxxx` or `ghp_your_token_here`. */
function looksRandom(secret: string): boolean {
  if (isPlaceholder(secret)) return false;
  const body = secret.slice(-32);
  return new Set(body).size >= 10 && (/\d/.test(secret) || /[a-z][A-Z]|[A-Z][a-z]/.test(body));
}

const placeholder =
  /^[x*.#•_-]+$|x{6,}|X{6,}|\*{3,}|\.{3}|your|example|placeholder|redacted|dummy|changeme|secret|password|passwd|token|test|0{8,}|1234567|abcdef|<|>|\$|\{|%/i;

function isPlaceholder(secret: string): boolean {
  return secret.length < 80 ? placeholder.test(secret) : /x{12,}|X{12,}|\*{6,}/.test(secret);
}

/** Endings of file names that read like a top-level domain after `@` (`icon@2x.png`, `lib@1.2.min.js`). */
const fileEndings = new Set(
  'png jpg jpeg gif svg webp ico bmp css scss js mjs cjs ts tsx jsx json html htm py rb go rs java kt c h cc cpp cs php sh md txt xml yml yaml toml lock map tgz gz zip tar whl service local internal lan localhost invalid example test'.split(
    ' ',
  ),
);
const publicDomains =
  /(?:^|[.@])(?:example\.(?:com|org|net|edu)|test\.com|domain\.com|email\.com|users\.noreply\.github\.com|localhost)$/i;
const publicLocals =
  /^(?:git|noreply|no-reply|donotreply|do-not-reply|support|info|help|contact|admin|security|abuse|postmaster|webmaster|sales|press|team|hello|user\d*|you|your|name|me|someone|somebody|foo|bar|test\d*|username|email|john\.?doe|jane\.?doe|x+|n)$/i;

function isPersonalAddress(address: string): boolean {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  const ending = domain.slice(domain.lastIndexOf('.') + 1).toLowerCase();
  if (fileEndings.has(ending) || publicDomains.test(domain) || publicLocals.test(local)) return false;
  return !/^x+$/i.test(domain.replaceAll('.', '')) && !isPlaceholder(local.slice(0, 20));
}

const sharedNames = new Set(
  'user users username user_name your_username yourname yourusername your-username you me name root admin ubuntu debian fedora centos ec2-user runner runneradmin vscode node app docker agent sandbox shared public default guest test testuser dev developer jovyan oai openhands swe-agent swebench swe runner codespace circleci travis jenkins build builder git www-data vagrant pi nobody linuxbrew webuser student sample sample-user sampleperson user1 john johndoe alice bob foo bar xxx'.split(
    ' ',
  ),
);

function isPersonalName(name: string): boolean {
  const bare = name.toLowerCase().replace(/[._-]+$/, '');
  return bare !== '' && !sharedNames.has(bare) && !/^x+$/.test(bare) && !/\.\w{1,4}$/.test(bare);
}

function mask(secret: string, kind: SecretKind): string {
  if (kind === 'private-key') return secret;
  if (kind === 'email') {
    const at = secret.lastIndexOf('@');
    return `${secret.slice(0, 1)}…@…${secret.slice(secret.lastIndexOf('.'))} (${at} characters before @)`;
  }
  const shown = kind === 'api-key' || kind === 'access-token' ? Math.min(4, secret.length >> 2) : 1;
  return `${secret.slice(0, shown)}… (${secret.length} characters)`;
}
