/** The data of each event of a server-sent event stream (WHATWG HTML, "event stream"), as it arrives. */
export async function* eventData(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  const take = (line: string): string | null => {
    if (line === '') {
      const whole = data.length > 0 ? data.join('\n') : null;
      data = [];
      return whole;
    }
    if (line.startsWith('data:')) data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
    return null;
  };
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let at = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', at)) {
      const whole = take(rest.slice(at, rest[end - 1] === '\r' ? end - 1 : end));
      at = end + 1;
      if (whole !== null) yield whole;
    }
    rest = rest.slice(at);
  }
  // An event that the end of the stream cut is incomplete and is not handed out.
}
