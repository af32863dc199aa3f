import type { CheckResult } from './types.ts';

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

/** Things in the packed text that a trainer may stumble over. */
export function textFlags(content: string, assistant: string): { checks: CheckResult[]; flags: string[] } {
  const flags: string[] = [];
  const checks: CheckResult[] = [];
  const holds = (text: string): boolean => content.includes(text) || assistant.includes(text);
  const control = controlTokens.find(holds);
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
  return { checks, flags };
}
