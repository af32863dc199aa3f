import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AskedQuestion {
  readonly content: string;
  readonly seed: number;
  readonly outcome: 'answered' | 'refused' | 'cut' | 'limited';
}

export interface ChatServer {
  readonly url: string;
  /** Every request in order, with what became of it. */
  readonly asked: AskedQuestion[];
  readonly bodies: Record<string, unknown>[];
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
}

/**
 * An OpenAI-compatible server on loopback that misbehaves: `trouble` says what becomes of the nth request
 * (from 0), `answer` what it says.
 */
export async function startChatServer(
  answer: (content: string, seed: number) => { readonly reasoning?: string; readonly text: string },
  trouble: (request: number) => AskedQuestion['outcome'] = () => 'answered',
): Promise<ChatServer> {
  const asked: AskedQuestion[] = [];
  const bodies: Record<string, unknown>[] = [];
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const number = bodies.length;
    bodies.push(body);
    const messages = body['messages'] as { content: string }[];
    const content = messages.at(-1)!.content;
    const seed = Number(body['seed']);
    const outcome = trouble(number);
    asked.push({ content, seed, outcome });
    if (outcome === 'limited') {
      response.writeHead(429, { 'retry-after': '0.01', 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'slow down' } }));
      return;
    }
    if (outcome === 'refused') {
      response.writeHead(500);
      response.end('out of order');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const send = (value: unknown): void => void response.write(`data: ${JSON.stringify(value)}\r\n\r\n`);
    const { reasoning, text } = answer(content, seed);
    send({ choices: [{ delta: { role: 'assistant', content: '' } }] });
    if (reasoning !== undefined) send({ choices: [{ delta: { reasoning_content: reasoning } }] });
    const half = Math.ceil(text.length / 2);
    send({ choices: [{ delta: { content: text.slice(0, half) } }] });
    if (outcome === 'cut') {
      setTimeout(() => response.destroy(), 5);
      return;
    }
    // A character split between two writes must arrive whole.
    const rest = Buffer.from(
      `data: ${JSON.stringify({ choices: [{ delta: { content: text.slice(half) } }] })}\n\n`,
    );
    response.write(rest.subarray(0, rest.length - 9));
    await new Promise((resolve) => setTimeout(resolve, 2));
    response.write(rest.subarray(rest.length - 9));
    send({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    send({ choices: [], usage: { prompt_tokens: content.length, completion_tokens: text.length } });
    response.end('data: [DONE]\n\n');
  };
  const server = createServer((request, response) => void reply(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    bodies,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
