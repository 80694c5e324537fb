// Paths of `Files`: relative, `/`-separated, inside the root on every system.
import { ElanusError } from '#base/errors.js';

export function checkFilePath(path: string): void {
  const bad =
    path.length === 0 ||
    path.length > 2048 ||
    /[\\\0]/.test(path) ||
    path.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad) {
    throw new ElanusError(
      'invalid_parameter',
      `file path ${JSON.stringify(path.slice(0, 80))} is not valid: expected a relative path, parts joined by "/", none of them empty, "." or "..", no backslash: use a path below the root`,
    );
  }
}

export const fileMissing = (path: string): ElanusError =>
  new ElanusError(
    'object_not_found',
    `file ${JSON.stringify(path)} does not exist: expected it to be written before it is read`,
  );

/** Copies bytes to the parts, one after the other, as far as they go. */
export function spread(bytes: Uint8Array, parts: readonly Uint8Array[]): void {
  let at = 0;
  for (const part of parts) {
    part.set(bytes.subarray(at, at + part.length));
    at += part.length;
  }
}
