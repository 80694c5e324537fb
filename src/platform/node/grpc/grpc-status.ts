// Errors between our keys and gRPC status codes, both ways, and what the headers of a stream say. A server needs nothing else of gRPC: the
// library that calls others is loaded with the first call to another process.
import type { IncomingHttpHeaders } from 'node:http2';
import type { ServiceError } from '@grpc/grpc-js';
import { ElanusError, type ErrorKey, messageOf } from '#base/errors.js';

/** Those that are given or read here, by their names in gRPC. */
export const status = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

const codeOfKey: Partial<Record<ErrorKey, number>> = {
  service_unavailable: status.UNAVAILABLE,
  service_not_ready: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  unsupported: status.UNIMPLEMENTED,
  invalid_parameter: status.INVALID_ARGUMENT,
  cancelled: status.CANCELLED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
};

/** What a client sees of a handler's error: never UNKNOWN, which clients of Milvus retry blindly. */
export function toStatus(error: unknown): GrpcStatus {
  const code = (error instanceof ElanusError ? codeOfKey[error.key] : undefined) ?? status.INTERNAL;
  return { code, details: messageOf(error) };
}

export function fromServiceError(
  error: ServiceError,
  where: string,
  signal: AbortSignal,
  deadlineMs: number | undefined,
): ElanusError {
  const failed = (key: ErrorKey, fact: string): ElanusError =>
    new ElanusError(key, `${where}: ${fact}`, { cause: error });
  const late = deadlineMs !== undefined && Date.now() >= deadlineMs;
  if (error.code === status.DEADLINE_EXCEEDED || (late && error.code === status.CANCELLED)) {
    return failed('deadline_exceeded', 'no answer before the deadline: allow more time or retry');
  }
  if (signal.aborted) return failed('cancelled', 'cancelled by its caller');
  const torn =
    error.code === status.CANCELLED ||
    (error.code === status.INTERNAL && error.details.startsWith('Received RST_STREAM'));
  if (torn || error.code === status.UNAVAILABLE) {
    return failed(
      'service_unavailable',
      `peer not reached or broke off (${error.details}): check that it runs, then retry`,
    );
  }
  if (error.code === status.UNIMPLEMENTED)
    return failed('unsupported', `the peer does not serve it (${error.details}): check its version`);
  if (error.code === status.UNAUTHENTICATED) return failed('unauthenticated', error.details);
  if (error.code === status.PERMISSION_DENIED) return failed('permission_denied', error.details);
  return failed('internal', `the peer failed: ${error.details}`);
}

/** What travels beside a call, from the headers of its stream; what belongs to the protocol is left out. */
export function readHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (const key in headers) {
    const value = headers[key];
    if (value === undefined || key.startsWith(':') || protocolKeys.has(key)) continue;
    const joined = Array.isArray(value) ? value.join(',') : value;
    record[key] = key.endsWith('-bin') ? normalBase64(joined) : joined;
  }
  return record;
}

/** Beside those that begin with a colon. */
const protocolKeys: ReadonlySet<string> = new Set([
  'te',
  'content-type',
  'accept-encoding',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
]);
const normalBase64 = (values: string): string =>
  values
    .split(',')
    .map((value) => Buffer.from(value, 'base64').toString('base64'))
    .join(',');

const timeoutUnitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** @returns undefined without a header, NaN for one that is no time */
export function readTimeoutMs(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  return Math.ceil(Number(digits) * (timeoutUnitMs[unit] ?? Number.NaN));
}

const DETAILS_LENGTH_MAX = 2000;
/** A text as the value of `grpc-message`: printable ASCII, everything else as bytes in percent. */
export function encodeDetails(details: string): string {
  const short =
    details.length <= DETAILS_LENGTH_MAX ? details : `${details.slice(0, DETAILS_LENGTH_MAX)} ...`;
  // Halves of characters, as a cut text may end with, have no bytes in percent.
  return encodeURI(Buffer.from(short).toString('utf8'));
}
