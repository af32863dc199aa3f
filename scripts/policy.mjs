/**
 * The content security policy. Every page, worker and script may reach its own origin only; the one
 * exception is `relay.html`, a bare document without any data of the user's, loaded only when the user
 * types an address of another origin, which fetches that address and hands the bytes over.
 */
const common = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
];

export const pagePolicy = [
  ...common,
  "connect-src 'self' blob:",
  "frame-src 'self'",
  "object-src 'none'",
].join('; ');
export const relayPolicy = ["default-src 'none'", "script-src 'self'", 'connect-src https: http:'].join('; ');

/** The policy of a path of the built site. */
export function policyFor(path) {
  return path.endsWith('relay.html') || path.endsWith('relay.js') ? relayPolicy : pagePolicy;
}
