// Whether headers are those of a request: its own ones first and once, names in lower case. A header that no text could be is left out, and the
// request goes on without it, as other servers have it. Pure.

/**
 * @param headers names and values in turn
 * @param before those of the request before on the connection, as they came: what is the same need not be looked at again
 * @returns undefined: no request
 */
export function requestHeaders(
  headers: readonly string[],
  before: readonly string[],
): readonly string[] | undefined {
  let [method, path, scheme, authority] = [0, 0, 0, 0];
  let isBehind = false;
  let left: Set<number> | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string];
    const isOwn = name.charCodeAt(0) === COLON;
    if (isOwn) {
      if (isBehind) return undefined;
      if (name === ':method') method++;
      else if (name === ':path') path++;
      else if (name === ':scheme') scheme++;
      else if (name !== ':authority' || ++authority > 1) return undefined;
    } else isBehind = true;
    if (name === before[at] && value === before[at + 1]) continue;
    const isText = !UNPRINTABLE.test(value);
    if (isOwn ? !isText || !isOwnValue(name, value) : isForbidden(name, value)) return undefined;
    if (!isOwn && (!isText || !NAME.test(name))) {
      left ??= new Set();
      left.add(at);
    }
  }
  if (method !== 1 || path !== 1 || scheme !== 1) return undefined;
  return left === undefined ? headers : headers.filter((_, at) => left?.has(at - (at % 2)) !== true);
}

/** A path begins with `/`, or is the `*` of a request about the server as a whole. */
const isOwnValue = (name: string, value: string): boolean =>
  name !== ':path' || value.charCodeAt(0) === SLASH || value === '*';

const isForbidden = (name: string, value: string): boolean =>
  UPPER_CASE.test(name) ||
  ofConnections.has(name) ||
  (name === 'te' && value.toLowerCase() !== 'trailers') ||
  (name === 'content-length' && !DIGITS.test(value));

const COLON = 58;
const SLASH = 47;
const DIGITS = /^[0-9]{1,15}$/;
const UPPER_CASE = /[A-Z]/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNPRINTABLE = /[\0-\x08\x0a-\x1f\x7f]/;
/** Headers of HTTP/1.1 that HTTP/2 has no use for. */
const ofConnections: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
