import { EnvironmentError } from '../core/errors.ts';
import type { HttpAnswer, HttpRequest, Transport } from '../evaluate/endpointSubject.ts';
import type { OpenPort } from './evaluateApi.ts';

interface RelayMessage {
  readonly ready?: boolean;
  readonly head?: { readonly status: number; readonly headers: readonly (readonly [string, string])[] };
  readonly chunk?: Uint8Array;
  readonly done?: boolean;
  readonly error?: string;
}

/**
 * Requests through the relay document, the only one that may reach other origins: one port a request, over which
 * the answer streams back.
 */
export function relayTransport(openPort: OpenPort): Transport {
  return async (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> => {
    const port = await openPort();
    const queue: RelayMessage[] = [];
    let wake = (): void => undefined;
    port.onmessage = ({ data }: MessageEvent<RelayMessage>) => {
      if (data.ready) return;
      queue.push(data);
      wake();
    };
    const stop = (): void => {
      port.postMessage({ cancel: true });
      wake();
    };
    signal.addEventListener('abort', stop, { once: true });
    const next = async (): Promise<RelayMessage> => {
      for (;;) {
        if (signal.aborted) throw new Error('the request was stopped');
        const message = queue.shift();
        if (message?.error !== undefined) throw new Error(message.error);
        if (message) return message;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    port.postMessage(request);
    const first = await next();
    const head = first.head;
    if (!head) throw new EnvironmentError('relay', 'The relay gave no answer', { where: request.url });
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          const message = await next();
          if (message.done) return;
          if (message.chunk) yield message.chunk;
        }
      } finally {
        signal.removeEventListener('abort', stop);
        port.postMessage({ cancel: true });
        port.close();
      }
    }
    const headers = new Headers(head.headers.map(([name, value]): [string, string] => [name, value]));
    return { status: head.status, header: (name) => headers.get(name), chunks: chunks() };
  };
}
