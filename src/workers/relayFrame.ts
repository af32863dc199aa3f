import { EnvironmentError } from '../core/errors.ts';

/** How long a document that has loaded may take to say that it listens. */
const greetingMs = 4000;
const attempts = 3;

let shared: Promise<HTMLIFrameElement> | null = null;
/** Frames that answered: ports to them may be in use. */
const greeted = new WeakSet<HTMLIFrameElement>();

async function loadFrame(): Promise<HTMLIFrameElement> {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.src = new URL('relay.html', document.baseURI).href;
  const loaded = new Promise<void>((resolve) => {
    frame.addEventListener('load', () => resolve(), { once: true });
  });
  document.body.append(frame);
  await loaded;
  return frame;
}

/** A port to the document in the frame once it says that it listens; null when it does not. */
function greet(frame: HTMLIFrameElement): Promise<MessagePort | null> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      port1.close();
      resolve(null);
    }, greetingMs);
    port1.onmessage = () => {
      clearTimeout(timer);
      port1.onmessage = null;
      greeted.add(frame);
      resolve(port1);
    };
    frame.contentWindow?.postMessage('fetch', window.location.origin, [port2]);
  });
}

/**
 * A port to the one document that may reach other origins. All ports share its frame, which stays for the life of
 * the page. A frame says that it has loaded even when its script could not be, so nothing is asked before it answers.
 * @throws EnvironmentError when it never does
 */
export async function openRelay(): Promise<MessagePort> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const frame = await (shared ??= loadFrame());
    const port = await greet(frame);
    if (port) return port;
    if (greeted.has(frame) || shared === null) continue;
    shared = null;
    frame.remove();
  }
  throw new EnvironmentError('no-relay', 'The part of the page that fetches addresses did not start', {
    advice: 'reload the page; or download the file and drop it here',
  });
}
