// Errors between our keys and gRPC status codes, both ways, and metadata between flat records and grpc-js.
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ElanusError, type ErrorKey, messageOf } from '#base/errors.js';

const codeOfKey: Partial<Record<ErrorKey, status>> = {
  service_unavailable: status.UNAVAILABLE,
  service_not_ready: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  unsupported: status.UNIMPLEMENTED,
  invalid_parameter: status.INVALID_ARGUMENT,
  cancelled: status.CANCELLED,
};

/** What a client sees of a handler's error: never UNKNOWN, which clients of Milvus retry blindly. */
export function toStatus(error: unknown): { readonly code: status; readonly details: string } {
  const code = (error instanceof ElanusError ? codeOfKey[error.key] : undefined) ?? status.INTERNAL;
  return { code, details: messageOf(error) };
}

export function fromServiceError(error: ServiceError, where: string, signal: AbortSignal, deadlineMs: number | undefined): ElanusError {
  const failed = (key: ErrorKey, fact: string): ElanusError => new ElanusError(key, `${where}: ${fact}`, { cause: error });
  const late = deadlineMs !== undefined && Date.now() >= deadlineMs;
  if (error.code === status.DEADLINE_EXCEEDED || (late && error.code === status.CANCELLED)) {
    return failed('deadline_exceeded', 'no answer before the deadline: allow more time or retry');
  }
  if (signal.aborted) return failed('cancelled', 'cancelled by its caller');
  const torn = error.code === status.CANCELLED || (error.code === status.INTERNAL && error.details.startsWith('Received RST_STREAM'));
  if (torn || error.code === status.UNAVAILABLE) {
    return failed('service_unavailable', `peer not reached or broke off (${error.details}): check that it runs, then retry`);
  }
  if (error.code === status.UNIMPLEMENTED) return failed('unsupported', `the peer does not serve it (${error.details}): check its version`);
  return failed('internal', `the peer failed: ${error.details}`);
}

export function readMetadata(metadata: Metadata): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  const json = metadata.toJSON();
  for (const key in json) {
    const values = json[key] ?? [];
    const [first] = values;
    record[key] =
      values.length === 1 && typeof first === 'string'
        ? first
        : values.map((value) => (typeof value === 'string' ? value : value.toString('base64'))).join(',');
  }
  return record;
}
const ownKeys = /^(grpc-|:)|^(user-agent|content-type|te|host)$/; // Set by the library; a forwarded copy would be refused.
export function writeMetadata(record: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(record)) {
    if (ownKeys.test(key)) continue;
    try {
      metadata.set(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    } catch (error) {
      throw new ElanusError(
        'invalid_parameter',
        `metadata ${JSON.stringify(key)}: ${messageOf(error)}: use lower-case keys and printable ASCII`,
      );
    }
  }
  return metadata;
}
