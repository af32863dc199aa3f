/** Query parameters that say how a page was reached, not which page it is. */
const TRACKING =
  /^(?:utm_\w+|gclid|gclsrc|dclid|fbclid|msclkid|igshid|mc_[ce]id|ref_src|ref_url|srsltid|yclid|_hsenc|_hsmi|spm)$/i;

/**
 * One key for all spellings of an address: no scheme, `www.`, port 80/443, fragment, trailing slash, tracking
 * parameters or superfluous escapes; parameters sorted. Text that is no address is only trimmed and folded.
 */
export function urlKey(address: string): string {
  const trimmed = address.trim();
  const text = /^<|>$/.test(trimmed) ? trimmed.replace(/^<|>$/g, '') : trimmed;
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/|\/\/)?([^/?#\s]+)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(
    text,
  );
  if (!match || (match[1] === undefined && !/\.[a-z]{2,}(?::\d+)?$/i.test(match[2] ?? '')))
    return titleKey(text);
  const scheme = (match[1] ?? 'https').toLowerCase();
  const host = (match[2] ?? '')
    .toLowerCase()
    .replace(/^[^@]*@/, '')
    .replace(/:(?:80|443)$/, '')
    .replace(/^(?:www\d?|m)\./, '');
  const path = decodePath(match[3] ?? '').replace(/\/(?:index\.html?)?$/i, '');
  const parameters = (match[4]?.split('&') ?? [])
    .filter((part) => part !== '' && !TRACKING.test(part.split('=', 1)[0] ?? ''))
    .sort();
  // A "#!" or "#/" fragment names a page of a one-page application.
  const fragment = /^[!/]/.test(match[5] ?? '') ? `#${match[5] ?? ''}` : '';
  const prefix = scheme === 'http' || scheme === 'https' ? '' : `${scheme}://`;
  return `${prefix}${host}${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}${fragment}`;
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Key of a document known by its title only: case and spacing do not matter. */
export function titleKey(title: string): string {
  return title
    .trim()
    .replace(/^["'“”]+|["'“”]+$/g, '')
    .replace(/\s+/g, ' ')
    .toLowerCase();
}

/** True for an absolute web address. */
export function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^\s/]+/i.test(text);
}

/** True for the result page of a web search engine: what it shows was returned, not visited. */
export function isSearchEnginePage(address: string): boolean {
  return /^(?:https?:\/\/)?(?:www\.)?(?:bing\.com\/(?:search|images|videos|news)|google\.[a-z.]+\/(?:search|webhp)|duckduckgo\.com\/(?:html\/?)?\?|search\.yahoo\.com|baidu\.com\/s\?|yandex\.[a-z]+\/search)/i.test(
    address,
  );
}
