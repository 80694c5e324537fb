// Errors between our keys and gRPC status codes, both ways, and the time of a call. A server needs nothing else of gRPC: the library that
// calls others is loaded with the first call to another process.
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
  // Clients of Milvus take every other code that fits for one that passes: pymilvus would ask 75 times, for minutes.
  not_secondary: status.INVALID_ARGUMENT,
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
  if (error.code === status.RESOURCE_EXHAUSTED) {
    // gRPC has one word for a message that never fits and for a server that is full at the moment.
    return /larger than max/i.test(error.details)
      ? failed('parameter_too_large', `${error.details}: send or ask for less at once`)
      : failed('queue_full', error.details);
  }
  if (error.code === status.UNIMPLEMENTED)
    return failed('unsupported', `the peer does not serve it (${error.details}): check its version`);
  if (error.code === status.UNAUTHENTICATED) return failed('unauthenticated', error.details);
  if (error.code === status.PERMISSION_DENIED) return failed('permission_denied', error.details);
  return failed('internal', `the peer failed: ${error.details}`);
}

const timeoutUnitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** @returns undefined without a header, NaN for one that is no time */
export function readTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
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
