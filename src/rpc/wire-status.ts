// Typed errors to the `Status` every Milvus answer carries, and back. Business errors travel here and never as gRPC errors:
// clients retry those blindly. Success sets nothing at all, as clients compare both codes and the reason.
import { ElanusError, type ErrorKey, errorSpecs } from '#base/errors.js';
import { ErrorCode, Status } from '#proto/milvus/common.js';

const INPUT_ERROR = 'is_input_error';
/** Names the error exactly between our own roles; several keys share a wire code. */
const ERROR_KEY = 'elanus_error_key';
const INVALID_SUFFIX = 'invalid parameter';
const REASON_LENGTH_MAX = 4000;

/** Codes a client may simply send again, by Milvus's table. */
const retriableCodes: ReadonlySet<number> = new Set([
  1, 2, 4, 8, 12, 103, 106, 110, 202, 305, 505, 507, 1002, 1003, 1807,
]);

const keys = Object.keys(errorSpecs) as ErrorKey[];
const keysByCode = new Map<number, ErrorKey[]>();
for (const key of keys)
  keysByCode.set(errorSpecs[key].code, [...(keysByCode.get(errorSpecs[key].code) ?? []), key]);

/** A text that quotes a request can be as long as the request; both ends of it say what is wrong. */
const shortened = (text: string): string =>
  text.length <= REASON_LENGTH_MAX
    ? text
    : `${text.slice(0, REASON_LENGTH_MAX / 2)} ... (${text.length - REASON_LENGTH_MAX} characters left out) ... ${text.slice(-REASON_LENGTH_MAX / 2)}`;

export const successStatus = (): Status => ({
  errorCode: ErrorCode.Success,
  reason: '',
  code: 0,
  retriable: false,
  detail: '',
  extraInfo: {},
});

export function statusOf(error: ElanusError): Status {
  const { code, legacy, input } = error.spec;
  const message = shortened(error.message);
  const reason =
    error.key === 'invalid_parameter' && !message.includes(INVALID_SUFFIX)
      ? `${message}: ${INVALID_SUFFIX}`
      : message;
  const extraInfo: { [key: string]: string } = {};
  if (input) extraInfo[INPUT_ERROR] = 'true';
  if ((keysByCode.get(code)?.length ?? 0) > 1) extraInfo[ERROR_KEY] = error.key;
  return Status.create({
    errorCode: (error.legacy ?? legacy) as ErrorCode,
    code,
    reason,
    retriable: input !== true && retriableCodes.has(code),
    detail: reason,
    extraInfo,
  });
}

/** @returns undefined for success. A code outside our table becomes `internal`, or `refused` when the status calls it the caller's mistake. */
export function errorOfStatus(status: Status | undefined): ElanusError | undefined {
  if (status === undefined || (status.code === 0 && status.errorCode === ErrorCode.Success)) return undefined;
  return new ElanusError(keyOf(status), status.reason || status.detail || `code ${status.code}`);
}

function keyOf(status: Status): ErrorKey {
  const isInput = status.extraInfo[INPUT_ERROR] === 'true';
  const fallback: ErrorKey = isInput ? 'refused' : 'internal';
  if (status.code === 0)
    return (
      keys.find(
        (key) =>
          errorSpecs[key].legacy === status.errorCode && status.errorCode !== ErrorCode.UnexpectedError,
      ) ?? fallback
    );
  const candidates = keysByCode.get(status.code) ?? [];
  const named = candidates.find((key) => key === status.extraInfo[ERROR_KEY]);
  return (
    named ?? candidates.find((key) => 'input' in errorSpecs[key] === isInput) ?? candidates[0] ?? fallback
  );
}
