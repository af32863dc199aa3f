import { CancelledError, EnvironmentError, InputError, throwIfCancelled } from '../core/errors.ts';

interface RelayMessage {
  readonly head?: { readonly status: number; readonly url: string; readonly headers: [string, string][] };
  readonly chunk?: Uint8Array;
  readonly done?: boolean;
  readonly error?: string;
}

/** What a download gives: where the bytes come in, and how many there will be. */
interface Answer {
  readonly status: number;
  readonly sizeBytes: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}

async function* readBody(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function sizeOf(headers: Headers): number | null {
  // A compressed answer is longer once decoded than its stated length.
  const length = headers.get('content-encoding') ? null : headers.get('content-length');
  return length === null ? null : Number(length);
}

async function fetchHere(url: string, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(url, { signal });
  return { status: response.status, sizeBytes: sizeOf(response.headers), chunks: readBody(response.body) };
}

/** Asks the relay frame, which alone may reach other origins. Chunks wait in a queue until they are read. */
async function fetchByRelay(url: string, port: MessagePort, signal: AbortSignal): Promise<Answer> {
  const queue: RelayMessage[] = [];
  let wake = (): void => undefined;
  port.onmessage = ({ data }: MessageEvent<RelayMessage & { ready?: boolean }>) => {
    if (data.ready) return;
    queue.push(data);
    wake();
  };
  signal.addEventListener('abort', () => {
    port.postMessage({ cancel: true });
    wake();
  });
  const next = async (): Promise<RelayMessage> => {
    for (;;) {
      throwIfCancelled(signal, `Download of ${url}`);
      const message = queue.shift();
      if (message?.error !== undefined) {
        throw new EnvironmentError('unreachable', 'The address did not answer', {
          where: url,
          actual: message.error,
          advice:
            'its server must allow other pages to read it (CORS); otherwise download the file and drop it here',
        });
      }
      if (message) return message;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  port.postMessage({ url });
  const first = await next();
  const head = first.head ?? { status: 0, url, headers: [] };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const message = await next();
      if (message.done) return;
      if (message.chunk) yield message.chunk;
    }
  }
  return { status: head.status, sizeBytes: sizeOf(new Headers(head.headers)), chunks: chunks() };
}

/** The last part of an address's path, as a file name. */
export function fileNameOf(url: string): string {
  const path = new URL(url).pathname;
  const last = path.split('/').filter(Boolean).pop() ?? 'download';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/**
 * Downloads an address into `write`, chunk by chunk. Other origins need a relay port.
 * @returns bytes written. Throws `InputError` or `EnvironmentError` with advice, `CancelledError` when stopped.
 */
export async function fetchAddress(
  url: string,
  relay: MessagePort | null,
  signal: AbortSignal,
  write: (chunk: Uint8Array) => void,
  onProgress: (doneBytes: number, totalBytes: number | null) => void,
): Promise<number> {
  let answer: Answer;
  try {
    answer = relay ? await fetchByRelay(url, relay, signal) : await fetchHere(url, signal);
  } catch (error) {
    if (signal.aborted) throw new CancelledError(`Download of ${url}`);
    if (error instanceof EnvironmentError) throw error;
    throw new EnvironmentError('unreachable', 'The address did not answer', {
      where: url,
      advice: 'check the address and the network',
    });
  }
  if (answer.status < 200 || answer.status > 299) {
    throw new InputError('bad-status', `The server answered ${answer.status}`, {
      where: url,
      advice: 'check the address; pages behind a login cannot be read from here',
    });
  }
  let doneBytes = 0;
  for await (const chunk of answer.chunks) {
    throwIfCancelled(signal, `Download of ${url}`);
    write(chunk);
    doneBytes += chunk.length;
    onProgress(doneBytes, answer.sizeBytes);
  }
  return doneBytes;
}
