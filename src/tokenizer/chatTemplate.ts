import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { InputError, messageOf, WorkbenchError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';

/** A message as chat templates know it; further keys (`tool_calls`, `reasoning_content`, `name`) are passed on. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [key: string]: JsonValue | undefined;
}

/** The messages of a row, further fields kept; null for what is no list of them, each with a role and a text. */
export function readMessages(list: JsonValue | undefined): ChatMessage[] | null {
  if (!Array.isArray(list)) return null;
  const messages: ChatMessage[] = [];
  for (const message of list) {
    if (!isObject(message)) return null;
    const { role, content, ...rest } = message;
    if (typeof role !== 'string' || typeof content !== 'string') return null;
    messages.push({ ...rest, role, content });
  }
  return messages;
}

export interface RenderOptions {
  readonly tools?: readonly JsonValue[];
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template, e.g. `enable_thinking`. */
  readonly variables?: Readonly<Record<string, JsonValue>>;
  /** The time that `strftime_now` tells; templates that ask for it without one fail. */
  readonly now?: Date;
}

export interface RenderedChat {
  readonly text: string;
  /** Ranges of `text` inside `{% generation %}` blocks: what the model would write itself. */
  readonly generated: readonly { readonly start: number; readonly end: number }[];
}

/** Limits that keep a hostile template from filling memory or hanging the thread. */
const LONGEST_TEMPLATE = 1 << 18;
const LONGEST_RANGE = 100_000;
const MOST_STEPS = 1_000_000;

/** Opening and closing marks of generation blocks: Unicode noncharacters, which no text should hold. */
const MARKS = ['\ufdd0', '\ufdd1'] as const;

type Evaluate = Interpreter['evaluate'];

/** Counts evaluations, and the rounds of loops, since a loop with an empty body evaluates nothing. */
class StepLimitedInterpreter extends Interpreter {
  private steps = 0;
  private readonly iterables = new Set<unknown>();

  override evaluate(...args: Parameters<Evaluate>): ReturnType<Evaluate> {
    const statement: object | undefined = args[0];
    this.steps++;
    if (statement && 'iterable' in statement) {
      this.iterables.add(statement.iterable);
      if (hasOperand(statement.iterable)) this.iterables.add(statement.iterable.lhs);
    }
    const result = super.evaluate(...args);
    if (this.iterables.has(statement)) this.steps += sizeOf(result.value);
    if (this.steps > MOST_STEPS) throw new Error(`it runs for more than ${MOST_STEPS} steps`);
    return result;
  }
}

/** `x if test`, whose left side is what a filtered loop runs over. */
function hasOperand(value: unknown): value is { readonly lhs: unknown } {
  return typeof value === 'object' && value !== null && 'lhs' in value;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 1;
}

/**
 * A chat template of a tokenizer_config.json, rendered with Hugging Face's settings: `trim_blocks`,
 * `lstrip_blocks`, `tojson` without HTML escapes, `raise_exception`, `strftime_now`, `{% generation %}` blocks.
 */
export class ChatTemplate {
  private readonly program: ReturnType<typeof parse>;

  /** @throws InputError when the source is not a template. */
  constructor(source: string) {
    if (source.length > LONGEST_TEMPLATE) {
      throw new InputError('chat-template-too-long', 'The chat template is too long', {
        expected: `at most ${LONGEST_TEMPLATE} characters`,
        actual: `${source.length}`,
      });
    }
    try {
      this.program = parse(
        tokenize(markGenerationBlocks(source), { lstrip_blocks: true, trim_blocks: true }),
      );
    } catch (error) {
      throw new InputError('chat-template-invalid', 'The chat template cannot be read', {
        actual: messageOf(error),
      });
    }
  }

  /** @throws InputError when the template raises an exception or breaks a limit. */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): RenderedChat {
    const environment = new Environment();
    for (const [name, value] of Object.entries(globals(options.now))) environment.set(name, value);
    const variables: Record<string, unknown> = {
      ...options.variables,
      messages: withoutMarks(messages),
      tools: options.tools ? withoutMarks(options.tools) : null,
      add_generation_prompt: options.addGenerationPrompt ?? false,
    };
    try {
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      const { value } = new StepLimitedInterpreter(environment).run(this.program);
      return collectGenerated(typeof value === 'string' ? value : '');
    } catch (error) {
      if (error instanceof WorkbenchError) throw error;
      throw new InputError('chat-template-failed', 'The chat template cannot render these messages', {
        actual: messageOf(error),
      });
    }
  }
}

function globals(now: Date | undefined): Record<string, unknown> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception: (message: unknown): never => {
      throw new InputError(
        'chat-template-refused',
        `The chat template refuses these messages: ${String(message)}`,
      );
    },
    range: (first: number, second?: number, step = 1): number[] => {
      const start = second === undefined ? 0 : first;
      const stop = second ?? first;
      if (step === 0) throw new Error('range() with step 0');
      const length = Math.max(0, Math.ceil((stop - start) / step));
      if (length > LONGEST_RANGE) throw new Error(`range() of ${length} numbers`);
      return Array.from({ length }, (_, i) => start + i * step);
    },
    strftime_now: (format: string): string => {
      if (!now) throw new Error('the template asks for the date; give a fixed one');
      return formatDate(now, format);
    },
  };
}

const months = [
  ['Jan', 'uary'],
  ['Feb', 'ruary'],
  ['Mar', 'ch'],
  ['Apr', 'il'],
  ['May', ''],
  ['Jun', 'e'],
  ['Jul', 'y'],
  ['Aug', 'ust'],
  ['Sep', 'tember'],
  ['Oct', 'ober'],
  ['Nov', 'ember'],
  ['Dec', 'ember'],
] as const;
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** Python's strftime for the codes that templates use, in English and UTC so that all machines agree. */
function formatDate(date: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const month = months[date.getUTCMonth()] ?? ['', ''];
  const day = days[date.getUTCDay()] ?? '';
  const codes: Record<string, string> = {
    Y: String(date.getUTCFullYear()),
    y: two(date.getUTCFullYear() % 100),
    m: two(date.getUTCMonth() + 1),
    d: two(date.getUTCDate()),
    b: month[0],
    B: month.join(''),
    a: day.slice(0, 3),
    A: day,
    H: two(date.getUTCHours()),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    '%': '%',
  };
  return format.replace(/%([YymdbBaAHMS%])/g, (_, code: string) => codes[code] ?? '');
}

/**
 * The renderer knows no `{% generation %}`; each tag becomes an output of a mark. White space around a tag is
 * handled here as `trim_blocks`, `lstrip_blocks` and `-` would.
 */
function markGenerationBlocks(source: string): string {
  return source.replace(
    /(^[ \t]*)?\{%(-?)[ \t\n]*(end)?generation[ \t\n]*(-?)%\}(\n?)/gm,
    (
      _,
      indent: string | undefined,
      before: string,
      end: string | undefined,
      after: string,
      newline: string,
    ) => {
      const mark = `{{${before} '${end ? MARKS[1] : MARKS[0]}' ${after}}}`;
      return (before ? (indent ?? '') : '') + mark + (after ? newline : '');
    },
  );
}

/** Marks inside the messages themselves would be mistaken for blocks. */
function withoutMarks<T>(value: T): T {
  const clean = (item: unknown): unknown => {
    if (typeof item === 'string') return item.replace(/[\ufdd0\ufdd1]/g, '\ufffd');
    if (Array.isArray(item)) return item.map(clean);
    if (typeof item !== 'object' || item === null) return item;
    // A template tells "absent" from "null", so absent values stay out.
    const entries = Object.entries(item).filter(([, member]) => member !== undefined);
    return Object.fromEntries(entries.map(([key, member]): [string, unknown] => [key, clean(member)]));
  };
  return clean(value) as T;
}

function collectGenerated(marked: string): RenderedChat {
  const generated: { start: number; end: number }[] = [];
  let text = '';
  let open = -1;
  for (const part of marked.split(/([\ufdd0\ufdd1])/)) {
    if (part === MARKS[0]) open = text.length;
    else if (part === MARKS[1]) {
      if (open >= 0 && text.length > open) generated.push({ start: open, end: text.length });
      open = -1;
    } else text += part;
  }
  return { text, generated };
}
