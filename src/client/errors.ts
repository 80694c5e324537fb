// Failures of the client's calls as classes: what a program does about one decides its class, the code of Milvus says exactly what it was.
import { ERROR_KIND, isOfKind } from '#base/error-kind.js';
import { type ErrorKey, errorSpecs, messageOf } from '#base/errors.js';
import type { Status } from '#proto/milvus/common.js';

export interface Failure {
  /** Code of the Milvus protocol: 100 collection not found, 1100 invalid parameter, 8 rate limit. */
  readonly code: number;
  /** The server's own text. */
  readonly reason: string;
  /** The same call may succeed later, and did not happen now. */
  readonly isRetriable: boolean;
  /** The call that failed, `search`; `client` where none was made. */
  readonly call: string;
}

/** Any failure of a call. What is not one of the classes below is a failure of the server itself. */
export class ClientError extends Error {
  static readonly [ERROR_KIND]: string = 'ClientError';
  override readonly name: string = 'ClientError';
  readonly code: number;
  readonly reason: string;
  readonly isRetriable: boolean;
  readonly call: string;

  constructor({ code, reason, isRetriable, call }: Failure, options?: { readonly cause?: unknown }) {
    super(`${call}: ${reason}`, options);
    this.code = code;
    this.reason = reason;
    this.isRetriable = isRetriable;
    this.call = call;
  }

  /** Also for errors of another copy of the class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: it is the class that is asked, which may be one below this one
    return isOfKind(this, value);
  }

  /** What the caller gave cannot be sent. */
  static ofInput(reason: string, call = 'client'): InvalidRequestError {
    return new InvalidRequestError({ code: INVALID, reason, isRetriable: false, call });
  }

  /** The caller's signal aborted, for the reason that is the error's cause. */
  static ofCancel(call: string, { reason: cause }: AbortSignal): CancelledError {
    const reason = 'cancelled by its signal';
    return new CancelledError({ code: CANCELLED, reason, isRetriable: false, call }, { cause });
  }

  /** The time is over before something was so. */
  static ofDeadline(reason: string, call: string): DeadlineError {
    return new DeadlineError({ code: DEADLINE, reason, isRetriable: false, call });
  }
}

/** The request is wrong: sent again it fails again. */
export class InvalidRequestError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'InvalidRequestError';
  override readonly name: string = 'InvalidRequestError';
}

/** No such collection, partition, index, database or alias. */
export class NotFoundError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'NotFoundError';
  override readonly name: string = 'NotFoundError';
}

/** The collection is not loaded: `load` it. */
export class NotLoadedError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'NotLoadedError';
  override readonly name: string = 'NotLoadedError';
}

/** What the server has does not fit what was sent, because the schema was changed: `ensure` shows the difference. */
export class SchemaMismatchError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'SchemaMismatchError';
  override readonly name: string = 'SchemaMismatchError';
}

/** The server is not reached, not ready, full or over a limit of rates. */
export class UnavailableError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'UnavailableError';
  override readonly name: string = 'UnavailableError';
}

/** The time that was given is over. The call may have happened. */
export class DeadlineError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'DeadlineError';
  override readonly name: string = 'DeadlineError';
}

/** The signal that was given aborted. The call may have happened. */
export class CancelledError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'CancelledError';
  override readonly name: string = 'CancelledError';
}

/** Who calls is not known, or may not do this. */
export class AccessError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'AccessError';
  override readonly name: string = 'AccessError';
}

/** The server does not have this, in this version. */
export class UnsupportedError extends ClientError {
  static override readonly [ERROR_KIND]: string = 'UnsupportedError';
  override readonly name: string = 'UnsupportedError';
}

type ErrorClass = new (failure: Failure, options?: { readonly cause?: unknown }) => ClientError;
const INVALID = 1100;
const DEADLINE = 10001;
const CANCELLED = 10000;
const INPUT_ERROR = 'is_input_error';

const classes: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  ...[100, 200, 300, 700, 800, 1600].map((code) => [code, NotFoundError] as const),
  ...[101, 103, 201, 202].map((code) => [code, NotLoadedError] as const),
  [109, SchemaMismatchError],
  ...[1, 2, 4, 8, 12].map((code) => [code, UnavailableError] as const),
  ...[1400, 1401].map((code) => [code, AccessError] as const),
  [10, UnsupportedError],
  [3000, UnsupportedError],
  [CANCELLED, CancelledError],
  [DEADLINE, DeadlineError],
]);

const errorOf = (failure: Failure, isInput: boolean, cause?: unknown): ClientError => {
  const byCode = classes.get(failure.code) ?? ClientError;
  // Some codes stand for a server that is not ready, and for requests that are wrong.
  const isWrong = isInput && (byCode === ClientError || byCode === UnavailableError);
  const Class = isWrong ? InvalidRequestError : byCode;
  return new Class(failure, cause === undefined ? {} : { cause });
};

/** Codes of servers before 2.3, which have no other. */
const LEGACY_NOT_FOUND = 4;
const isParameter = (code: number): boolean => code >= 1100 && code < 1200;

/** @returns undefined for success */
export function errorOfAnswer(call: string, status: Status | undefined): ClientError | undefined {
  if (status === undefined || (status.code === 0 && status.errorCode === 0)) return undefined;
  const legacy = status.errorCode === LEGACY_NOT_FOUND ? 100 : 65535;
  const code = status.code === 0 ? legacy : status.code;
  const reason = status.reason || status.detail || `code ${code}`;
  const isInput = status.extraInfo[INPUT_ERROR] === 'true' || isParameter(code);
  return errorOf({ code, reason, isRetriable: status.retriable, call }, isInput);
}

const retriableKeys: ReadonlySet<ErrorKey> = new Set([
  'service_unavailable',
  'service_not_ready',
  'queue_full',
]);

/** By its key, not by its class: in a bundle the database's errors are of another copy of it. */
const keyOf = (error: unknown): ErrorKey | undefined =>
  error instanceof Error && 'key' in error && typeof error.key === 'string' && isErrorKey(error.key)
    ? error.key
    : undefined;
const isErrorKey = (key: string): key is ErrorKey => Object.hasOwn(errorSpecs, key);

/** For a call that had no answer. */
export function errorOfTransport(call: string, error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const key = keyOf(error);
  const reason = messageOf(error);
  if (key === undefined)
    return new ClientError({ code: 5, reason, isRetriable: false, call }, { cause: error });
  const isInput = 'input' in errorSpecs[key];
  return errorOf(
    { code: errorSpecs[key].code, reason, isRetriable: retriableKeys.has(key), call },
    isInput,
    error,
  );
}
