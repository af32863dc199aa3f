import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { countCapitalWords, countSentences, detectLanguage } from './ifevalApproximations.ts';
import {
  isLower,
  isUpper,
  pythonPattern,
  splitSpace,
  strip,
  stripCharacters,
  wordsOf,
} from './pythonText.ts';

/** Arguments of one instruction, nulls dropped (never zeros or empty texts). */
export type RuleArguments = Readonly<Record<string, JsonValue>>;

interface Rule {
  /** The reference uses a tool that is only approximated here. */
  readonly approximate: boolean;
  /** Names of the arguments without which the rule cannot be checked. */
  readonly needs: readonly string[];
  readonly check: (text: string, args: RuleArguments) => boolean;
}

function textOf(args: RuleArguments, name: string): string {
  const value = args[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function numberOf(args: RuleArguments, name: string): number {
  return Number(args[name]);
}

function listOf(args: RuleArguments, name: string): string[] {
  const value = args[name];
  return Array.isArray(value) ? value.map((item) => String(item as string)) : [];
}

/** "less than" or "at least": the only relations there are. */
function compare(actual: number, args: RuleArguments, threshold: string, relation: string): boolean {
  const limit = numberOf(args, threshold);
  return args[relation] === 'less than' ? actual < limit : actual >= limit;
}

function countMatches(text: string, pattern: RegExp): number {
  let count = 0;
  for (const match of text.matchAll(pattern)) {
    void match;
    count++;
  }
  return count;
}

const exact = (needs: readonly string[], check: Rule['check']): Rule => ({
  approximate: false,
  needs,
  check,
});
const roughly = (needs: readonly string[], check: Rule['check']): Rule => ({
  approximate: true,
  needs,
  check,
});

function paragraphsHold(text: string, args: RuleArguments): boolean {
  const pieces = text.split(/\s?\*\*\*\s?/);
  let count = pieces.length;
  for (const [index, piece] of pieces.entries()) {
    if (strip(piece) !== '') continue;
    if (index > 0 && index < pieces.length - 1) return false;
    count--;
  }
  return count === numberOf(args, 'num_paragraphs');
}

function firstWordHolds(text: string, args: RuleArguments): boolean {
  const pieces = text.split('\n\n');
  const count = pieces.filter((piece) => strip(piece) !== '').length;
  const nth = numberOf(args, 'nth_paragraph');
  const paragraph = nth <= count ? strip(pieces[nth - 1] ?? '') : '';
  const word = (splitSpace(paragraph)[0] ?? '').replace(/^'+/, '').replace(/^"+/, '');
  const first = /^[^.,?!'"]*/.exec(word)?.[0].toLowerCase() ?? '';
  return (
    paragraph !== '' &&
    count === numberOf(args, 'num_paragraphs') &&
    first === textOf(args, 'first_word').toLowerCase()
  );
}

function postscriptHolds(text: string, args: RuleArguments): boolean {
  const marker = textOf(args, 'postscript_marker');
  const lower = text.toLowerCase();
  if (marker === 'P.P.S') return /p\.\s?p\.\s?s/.test(lower);
  if (marker === 'P.S.') return /p\.\s?s\./.test(lower);
  return pythonPattern(marker.toLowerCase()).test(lower);
}

function bulletsHold(text: string, args: RuleArguments): boolean {
  const stars = countMatches(text, pythonPattern('^\\s*\\*[^\\*].*$', { multiline: true }));
  const dashes = countMatches(text, pythonPattern('^\\s*-.*$', { multiline: true }));
  return stars + dashes === numberOf(args, 'num_bullets');
}

function highlightsHold(text: string, args: RuleArguments): boolean {
  let count = 0;
  for (const [found] of text.matchAll(/\*[^\n*]*\*/g)) if (strip(stripCharacters(found, '*')) !== '') count++;
  for (const [found] of text.matchAll(/\*\*[^\n*]*\*\*/g)) if (strip(found.slice(2, -2)) !== '') count++;
  return count >= numberOf(args, 'num_highlights');
}

function sectionsHold(text: string, args: RuleArguments): boolean {
  const spliter = textOf(args, 'section_spliter');
  return countMatches(text, pythonPattern(`\\s?${spliter}\\s?\\d+\\s?`)) >= numberOf(args, 'num_sections');
}

/** JSON as Python reads it: NaN and infinities are numbers. */
function isPythonJson(text: string): boolean {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) =>
    found.startsWith('"') ? found : '0',
  );
  try {
    JSON.parse(plain);
    return true;
  } catch {
    return false;
  }
}

function jsonHolds(text: string): boolean {
  let body = strip(text);
  for (const fence of ['```json', '```Json', '```JSON', '```'])
    if (body.startsWith(fence)) body = body.slice(fence.length);
  if (body.endsWith('```')) body = body.slice(0, -3);
  return isPythonJson(strip(body));
}

function titleHolds(text: string): boolean {
  for (const [found] of text.matchAll(/<<[^\n]+>>/g)) {
    if (strip(found.replace(/^<+/, '').replace(/>+$/, '')) !== '') return true;
  }
  return false;
}

function twoResponsesHold(text: string): boolean {
  const pieces = text.split('******');
  const filled: string[] = [];
  for (const [index, piece] of pieces.entries()) {
    if (strip(piece) !== '') filled.push(strip(piece));
    else if (index !== 0 && index !== pieces.length - 1) return false;
  }
  return filled.length === 2 && filled[0] !== filled[1];
}

function quotationHolds(text: string): boolean {
  const body = strip(text);
  return body.length > 1 && body.startsWith('"') && body.endsWith('"');
}

/** English by the approximation; undetectable text counts as English, as in the reference. */
function isEnglish(text: string): boolean {
  return (detectLanguage(text) ?? 'en') === 'en';
}

/**
 * The 25 instructions. Source: google-research/instruction_following_eval, instructions.py; each check is
 * written from its rule.
 */
export const ifevalRules: Readonly<Record<string, Rule>> = {
  'keywords:existence': exact(['keywords'], (text, args) =>
    listOf(args, 'keywords').every((word) => pythonPattern(word, { ignoreCase: true }).test(text)),
  ),
  'keywords:frequency': exact(['keyword', 'frequency'], (text, args) =>
    compare(
      countMatches(text, pythonPattern(strip(textOf(args, 'keyword')), { ignoreCase: true })),
      args,
      'frequency',
      'relation',
    ),
  ),
  'keywords:forbidden_words': exact(['forbidden_words'], (text, args) =>
    listOf(args, 'forbidden_words').every(
      (word) => !pythonPattern(`\\b${word}\\b`, { ignoreCase: true }).test(text),
    ),
  ),
  'keywords:letter_frequency': exact(['letter', 'let_frequency'], (text, args) => {
    const letter = strip(textOf(args, 'letter')).toLowerCase();
    return compare(text.toLowerCase().split(letter).length - 1, args, 'let_frequency', 'let_relation');
  }),
  'language:response_language': roughly(['language'], (text, args) => {
    const found = detectLanguage(text);
    return found === null || found === textOf(args, 'language').split('-')[0];
  }),
  'length_constraints:number_sentences': roughly(['num_sentences'], (text, args) =>
    compare(countSentences(text), args, 'num_sentences', 'relation'),
  ),
  'length_constraints:number_paragraphs': exact(['num_paragraphs'], paragraphsHold),
  'length_constraints:number_words': exact(['num_words'], (text, args) =>
    compare(wordsOf(text).length, args, 'num_words', 'relation'),
  ),
  'length_constraints:nth_paragraph_first_word': exact(
    ['num_paragraphs', 'nth_paragraph', 'first_word'],
    firstWordHolds,
  ),
  'detectable_content:number_placeholders': exact(
    ['num_placeholders'],
    (text, args) => countMatches(text, /\[[^\n]*?\]/g) >= numberOf(args, 'num_placeholders'),
  ),
  'detectable_content:postscript': exact(['postscript_marker'], postscriptHolds),
  'detectable_format:number_bullet_lists': exact(['num_bullets'], bulletsHold),
  'detectable_format:constrained_response': exact([], (text) =>
    ['My answer is yes.', 'My answer is no.', 'My answer is maybe.'].some((option) => text.includes(option)),
  ),
  'detectable_format:number_highlighted_sections': exact(['num_highlights'], highlightsHold),
  'detectable_format:multiple_sections': exact(['section_spliter', 'num_sections'], sectionsHold),
  'detectable_format:json_format': exact([], jsonHolds),
  'detectable_format:title': exact([], titleHolds),
  'combination:two_responses': exact([], twoResponsesHold),
  'combination:repeat_prompt': exact(['prompt_to_repeat'], (text, args) =>
    strip(text)
      .toLowerCase()
      .startsWith(strip(textOf(args, 'prompt_to_repeat')).toLowerCase()),
  ),
  'startend:end_checker': exact(['end_phrase'], (text, args) =>
    stripCharacters(strip(text), '"')
      .toLowerCase()
      .endsWith(strip(textOf(args, 'end_phrase')).toLowerCase()),
  ),
  'startend:quotation': exact([], quotationHolds),
  'change_case:capital_word_frequency': roughly(['capital_frequency'], (text, args) =>
    compare(countCapitalWords(text), args, 'capital_frequency', 'capital_relation'),
  ),
  'change_case:english_capital': roughly([], (text) => isUpper(text) && isEnglish(text)),
  'change_case:english_lowercase': roughly([], (text) => isLower(text) && isEnglish(text)),
  'punctuation:no_comma': exact([], (text) => !text.includes(',')),
};

/** Names of arguments that a rule needs and does not have; null for an unknown rule. */
export function missingArguments(id: string, args: RuleArguments): readonly string[] | null {
  const rule = Object.hasOwn(ifevalRules, id) ? ifevalRules[id] : undefined;
  return rule ? rule.needs.filter((name) => args[name] === undefined) : null;
}

/** Arguments with nulls dropped: the Hugging Face file pads every name with null. */
export function ruleArguments(value: JsonValue | undefined): RuleArguments {
  const args: JsonObject = {};
  if (isObject(value)) {
    for (const [name, argument] of Object.entries(value)) {
      if (argument !== null && name !== '__proto__') args[name] = argument;
    }
  }
  return args;
}

/** The response and its seven variants of loose grading: first line, last line, both removed; with and without `*`. */
export function looseVariants(response: string): string[] {
  const lines = response.split('\n');
  const variants = [
    response,
    strip(lines.slice(1).join('\n')),
    strip(lines.slice(0, -1).join('\n')),
    strip(lines.slice(1, -1).join('\n')),
  ];
  return [...variants, ...variants.map((variant) => variant.replaceAll('*', ''))];
}

/** Whether a response follows one instruction. Unknown rules and rules without their arguments are not followed. */
export function followsRule(
  response: string,
  id: string,
  args: RuleArguments,
): { readonly strict: boolean; readonly loose: boolean; readonly approximate: boolean } {
  const rule = Object.hasOwn(ifevalRules, id) ? ifevalRules[id] : undefined;
  if (!rule || rule.needs.some((name) => args[name] === undefined))
    return { strict: false, loose: false, approximate: false };
  const holds = (text: string): boolean => strip(text) !== '' && rule.check(text, args);
  const strict = holds(response);
  return { strict, loose: strict || looseVariants(response).some(holds), approximate: rule.approximate };
}
