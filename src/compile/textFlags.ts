import { scanSecrets } from './curate/secrets.ts';
import type { CheckResult, Example } from './types.ts';

/** Texts that tokenizers of chat models read as control tokens. */
const controlTokens = [
  '<|im_start|>',
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<|start_header_id|>',
  '</s>',
  '<|end|>',
];
/** Tags that some trainers replace by media. */
const mediaTags = ['<image>', '<video>', '<audio>'];

const ownChecks = ['control-tokens', 'media-tags', 'secrets'];
const ownFlags = [
  'control-tokens-in-text',
  'media-tags-in-text',
  'secrets-found',
  'emails-found',
  'user-names-found',
];

/** The example with its text checks and flags made anew, for controls that change the messages. */
export function withTextFlags(example: Example): Example {
  const { checks, flags } = textFlags(example.messages.map(({ content }) => content));
  const others = example.flags.filter((flag) => !ownFlags.includes(flag));
  return {
    ...example,
    verification: [...example.verification.filter(({ check }) => !ownChecks.includes(check)), ...checks],
    flags: [...others, ...flags].sort(),
  };
}

/**
 * Things in the messages that a trainer may stumble over or that should not be learnt.
 * @param contents texts of all messages
 */
export function textFlags(contents: readonly string[]): { checks: CheckResult[]; flags: string[] } {
  const flags: string[] = [];
  const checks: CheckResult[] = [];
  const holds = (text: string): boolean => contents.some((content) => content.includes(text));
  const control = holds('<|') || holds('</s>') ? controlTokens.find(holds) : undefined;
  if (control !== undefined) {
    flags.push('control-tokens-in-text');
    checks.push({
      check: 'control-tokens',
      status: 'warn',
      reason: `the text holds ${control}, which the tokenizer reads as a control token`,
    });
  }
  const media = mediaTags.find(holds);
  if (media !== undefined) {
    flags.push('media-tags-in-text');
    checks.push({
      check: 'media-tags',
      status: 'warn',
      reason: `the text holds ${media}; escape media tags on export`,
    });
  }
  const found = contents.flatMap((content) => scanSecrets(content));
  const emails = found.filter((item) => item.kind === 'email').length;
  const names = found.filter((item) => item.kind === 'home-directory-user').length;
  const secrets = found.filter((item) => item.kind !== 'email' && item.kind !== 'home-directory-user');
  const first = secrets[0];
  if (first) flags.push('secrets-found');
  if (emails > 0) flags.push('emails-found');
  if (names > 0) flags.push('user-names-found');
  checks.push({
    check: 'secrets',
    status: first ? 'fail' : emails + names > 0 ? 'warn' : 'pass',
    reason: first
      ? `${secrets.length} ${secrets.length === 1 ? 'place looks' : 'places look'} like a secret, first a ${first.what} (${first.preview})`
      : emails + names > 0
        ? `${emails} e-mail addresses and ${names} user names in paths`
        : 'nothing that looks like a key, token, e-mail address or user name',
  });
  return { checks, flags };
}
