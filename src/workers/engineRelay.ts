/**
 * A port to the one document that may reach other origins. Its frame stays for the life of the page, since the
 * weights of an opened model are read through it whenever they are loaded.
 */
export async function openRelay(): Promise<MessagePort> {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.src = new URL('relay.html', document.baseURI).href;
  const loaded = new Promise<void>((resolve) => {
    frame.addEventListener('load', () => resolve(), { once: true });
  });
  document.body.append(frame);
  await loaded;
  const { port1, port2 } = new MessageChannel();
  frame.contentWindow?.postMessage('fetch', window.location.origin, [port2]);
  return port1;
}
