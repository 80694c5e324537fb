// Immutable objects by key (`insert_log/1/2/3/0/4`). Keys: 1 to 1024 characters, `/`-separated, no empty, `.` or `..` part, no `\` or NUL.
import { ElanusError } from '#base/errors.js';
import type { ReadFile } from './files.js';

export interface ObjectStore {
  /**
   * Writes durably. Parts are asked for as they are written, some megabytes at a time: a generator need not hold them all, and may use the
   * memory of a part again for the one after the next.
   * With `ifAbsent`, @returns false (and changes nothing) when the key exists.
   */
  put(key: string, parts: Iterable<Uint8Array>, options?: { readonly ifAbsent?: boolean }): Promise<boolean>;
  /** @throws object_not_found */
  get(key: string): Promise<Uint8Array>;
  /** Bytes [begin, end); shorter at the end. @throws object_not_found */
  getRange(key: string, begin: number, end: number): Promise<Uint8Array>;
  /**
   * Fills the parts, one after the other, with the bytes from `begin` on; they may lie in memory that threads share. Until the promise settles
   * they may be written to at any time. @returns how many bytes were read, fewer where the object ends. @throws object_not_found
   */
  readInto(key: string, begin: number, parts: readonly Uint8Array[]): Promise<number>;
  size(key: string): Promise<number | undefined>;
  /**
   * Opens an object whose key a client named; undefined when there is none. Unlike the other reads it trusts no link in the store.
   * @throws invalid_parameter the object is not really inside the store
   */
  openRead(key: string): Promise<ReadFile | undefined>;
  /** Keys with the prefix, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /** A missing key is success. */
  remove(key: string): Promise<void>;
}

export function checkObjectKey(key: string): void {
  const bad =
    key.length === 0 ||
    key.length > 1024 ||
    /[\\\0]/.test(key) ||
    key.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad) {
    throw new ElanusError(
      'invalid_parameter',
      `object key ${JSON.stringify(key.slice(0, 80))} is not valid: expected 1 to 1024 characters, parts joined by "/", none of them empty, "." or "..", no backslash: use a key inside the store`,
    );
  }
}
