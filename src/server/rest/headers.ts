// What the headers of a REST call say. Only what is read here reaches the RPCs: no other header is handed on, whatever its name.
import type { HttpRequest } from '#platform/transport.js';
import { RestFailure } from './rest-failure.js';

type Headers = HttpRequest['headers'];

/** As clients of gRPC send it: base64 of `user:password` or of a token. Undefined: nobody says who asks. */
function authorizationOf(headers: Headers): string | undefined {
  if (headers.authorization === undefined) return undefined;
  const [, scheme = '', credentials = ''] = /^(\S+)\s+(\S.*)$/.exec(headers.authorization.trim()) ?? [];
  if (credentials === '') return undefined;
  switch (scheme.toLowerCase()) {
    case 'basic':
      return credentials;
    case 'bearer':
      return Buffer.from(credentials, 'utf8').toString('base64');
    default:
      return undefined;
  }
}

/** Handed on for tracing. */
const TRACE_HEADERS = ['client-request-id', 'traceparent', 'tracestate'];

export function metadataOf(headers: Headers, dbName: string): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = {};
  const authorization = authorizationOf(headers);
  if (authorization !== undefined) metadata.authorization = authorization;
  if (dbName !== '') metadata.dbname = dbName;
  for (const name of TRACE_HEADERS) {
    const value = headers[name];
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

/** Whether int64 values are written as text. Absent, or nothing that can be read: numbers. */
export function int64AsTextOf(headers: Headers): boolean {
  const text = headers['accept-type-allow-int64'];
  return text !== undefined && /^(false|f|0)$/i.test(text.trim());
}

const TIMEOUT_SECONDS_MAX = 24 * 3600;

/** How long `Request-Timeout`, in seconds, lets the call take. @throws RestFailure */
export function timeoutMsOf(headers: Headers): number | undefined {
  const text = headers['request-timeout']?.trim();
  if (text === undefined || text === '') return undefined;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX))
    throw new RestFailure(
      1100,
      `Request-Timeout is ${text.slice(0, 32)}, expected seconds above 0 and up to ${TIMEOUT_SECONDS_MAX}: invalid parameter`,
    );
  return Math.ceil(seconds * 1000);
}

/** What bodies may be encoded in. @throws RestFailure 415 */
export function checkEncoding(headers: Headers): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity')
    throw new RestFailure(
      1801,
      `bodies of content-encoding ${encoding.slice(0, 32)} are not read; send the JSON as it is`,
      415,
    );
  const type = headers['content-type'];
  if (type === undefined || type === 'application/json') return;
  const charset = /charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
    throw new RestFailure(1801, `bodies of charset ${charset.slice(0, 32)} are not read; JSON is UTF-8`, 415);
}
