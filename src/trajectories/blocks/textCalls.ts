import { parsePythonCalls } from './pythonLiteral.ts';
import { parseObject, textSlice, trimmedSlice, type StepBuilder, type TextSlice } from './stepBuilder.ts';
import { findTag, type TagSpan } from './tagSpan.ts';

/** Tags whose content is the call itself, and the tool that they mean. */
const toolOfTag: ReadonlyMap<string, string> = new Map([
  ['sql', 'execute_sql'],
  ['execute', 'python'],
  ['execute_ipython', 'python'],
  ['execute_bash', 'bash'],
  ['web_search', 'web_search'],
  ['wiki_search', 'wiki_search'],
  ['crawl_page', 'crawl_page'],
]);
const mcpTag = 'use_mcp_tool';
const maxTagLength = 20;

/**
 * Where the calls begin that a text ends in, each in a tag of its own (`<sql>`, `<execute>` …); the end of the
 * text when it ends in none. Such tags are words of markup too, so only those that begin a line and that nothing
 * follows are calls. The last may lack its closing tag, at which generation stopped.
 */
export function textCallsStart(text: string): number {
  let start = text.length;
  for (let end = text.trimEnd().length; ; end = text.slice(0, start).trimEnd().length) {
    const close = text.slice(Math.max(0, end - maxTagLength), end);
    const name = /<\/(\w+)>$/.exec(close)?.[1];
    const isKnown = name !== undefined && toolOfTag.has(name);
    const open = isKnown ? text.lastIndexOf(`<${name}>`, end) : start === text.length ? unclosed(text) : -1;
    if (open < 0 || !beginsLine(text, open)) return start;
    start = open;
  }
}

/** Position of the last opening tag behind the last closing one; -1 when all are closed. */
function unclosed(text: string): number {
  const opens = [...toolOfTag.keys()].map((name) => {
    const open = text.lastIndexOf(`<${name}>`);
    return text.indexOf(`</${name}>`, Math.max(open, 0)) < 0 ? open : -1;
  });
  return Math.max(...opens);
}

/**
 * Adds the call in a tag of its own that opens at `start`, after `before()`; gives its end, or -1 when it is none:
 * one of MCP (`<use_mcp_tool>`), or one of those that the text ends in, from `callsStart` on. The user's next turn
 * then is what it returned.
 */
export function readTextCallAt(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  callsStart: () => number,
  before: () => void,
): number {
  const name = tagAt(text, start);
  if (name === null || !(name === mcpTag ? holdsCall(text, start) : start >= callsStart())) return -1;
  const span = findTag(text, name, start);
  const slice = span && trimmedSlice(text, path, span.innerStart, span.innerEnd);
  if (!span || !slice) return -1;
  before();
  if (name === mcpTag) readMcpCall(builder, text, path, span);
  else builder.toolCall(slice, { name: toolOfTag.get(name) ?? name });
  builder.textCalls++;
  return span.outerEnd;
}

function tagAt(text: string, start: number): string | null {
  const close = text.slice(start, start + maxTagLength).indexOf('>');
  const name = text.slice(start + 1, start + close);
  return close > 0 && (name === mcpTag || toolOfTag.has(name)) ? name : null;
}

/** Instructions and thoughts name the tag without a call in it. */
function holdsCall(text: string, start: number): boolean {
  const inner = start + mcpTag.length + 2;
  return /^\s*<(?:tool|server)_name>/.test(text.slice(inner, inner + 100));
}

/** True at the beginning of a line, or right behind another tag. */
function beginsLine(text: string, start: number): boolean {
  let at = start - 1;
  while (at >= 0 && (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9)) at--;
  return at < 0 || text.charCodeAt(at) === 10 || text.charCodeAt(at) === 62;
}

/** Adds a call as MiroFlow and MiroThinker write those of MCP servers. */
function readMcpCall(builder: StepBuilder, text: string, path: string, span: TagSpan): void {
  const part = (tag: string): TextSlice | null => {
    const inner = findTag(text, tag, span.innerStart);
    const isInside = inner && inner.innerEnd <= span.innerEnd;
    return isInside ? trimmedSlice(text, path, inner.innerStart, inner.innerEnd) : null;
  };
  const name = part('tool_name')?.text ?? 'unknown';
  const server = part('server_name')?.text;
  const given = part('arguments') ?? textSlice(text, path, span.innerStart, span.innerEnd);
  builder.toolCall(given, {
    name: server && name === 'unknown' ? server : name,
    arguments: parseObject(given.text),
  });
}

/** Adds the calls of a text that is nothing but a list of them: `[search(query="…"), open(id=1)]`. False for others. */
export function readBracketCalls(builder: StepBuilder, text: string, path: string): boolean {
  const calls = /^\s*\[\s*[A-Za-z_]/.test(text.slice(0, 100)) ? parsePythonCalls(text) : null;
  if (!calls) return false;
  for (const { name, start, end, args } of calls) {
    builder.toolCall(textSlice(text, path, start, end), { name, arguments: args });
  }
  return true;
}
