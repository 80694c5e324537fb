// What travels beside a call to another process, as grpc-js takes it.
import { Metadata } from '@grpc/grpc-js';
import { ElanusError, messageOf } from '#base/errors.js';

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
