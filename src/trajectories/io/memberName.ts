/**
 * A member's name made harmless: relative, with '/' separators, without `..`, drive letters or control
 * characters. Nothing is ever written to such a path; it is shown, and part of what exports record.
 */
export function safeMemberName(name: string): { readonly name: string; readonly wasUnsafe: boolean } {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  const visible = name.replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '�');
  const parts = visible
    .replaceAll('\\', '/')
    .replace(/^[A-Za-z]:/, '')
    .split('/');
  const kept = parts.filter((part) => part !== '' && part !== '.' && part !== '..');
  const safe = kept.join('/') || 'unnamed';
  const wasUnsafe = parts.includes('..') || visible !== name || /^(?:[A-Za-z]:|[\\/])/.test(name);
  return { name: safe, wasUnsafe };
}

/** Members that operating systems add and nobody means. */
export function isClutter(name: string): boolean {
  return /(?:^|\/)(?:__MACOSX\/|\.DS_Store$|Thumbs\.db$|\._[^/]*$)/.test(name);
}

/** `archive!/member`, with the member's name made harmless. */
export function joinMemberName(archive: string, entry: string): string {
  return `${archive}!/${safeMemberName(entry).name}`;
}
