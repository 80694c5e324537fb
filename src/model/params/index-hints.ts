// Params of an index that can be changed while it has files: what is a hint in Milvus and changes nothing here. They are kept and shown.
import { ElanusError } from '#base/errors.js';
import type { KeyValuePair } from '#proto/milvus/common.js';

/** Each with the values that Milvus takes; undefined: any. */
const hints: ReadonlyMap<string, ReadonlySet<string> | undefined> = new Map([
  ['mmap.enabled', new Set(['true', 'false'])],
  ['indexoffsetcache.enabled', new Set(['true', 'false'])],
  ['warmup', undefined],
]);

/** Params that say what an index is: two indexes that differ in hints alone are the same. */
export const isIndexHint = (key: string): boolean => hints.has(key);

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}

/** @returns what is set, by key @throws invalid_parameter, in the words of Milvus */
export function checkIndexHints(
  params: readonly KeyValuePair[],
  deleteKeys: readonly string[],
): Record<string, string> {
  if (params.length === 0 && deleteKeys.length === 0)
    refuse('no params or delete keys provided, expected some to change');
  if (params.length > 0 && deleteKeys.length > 0)
    refuse('cannot provide both DeleteKeys and ExtraParams: send one of them');
  for (const key of [...params.map((pair) => pair.key), ...deleteKeys])
    if (!hints.has(key)) refuse(`${key.slice(0, 200)} is not a configable index property`);
  const set: Record<string, string> = {};
  for (const { key, value } of params) {
    if (set[key] !== undefined) refuse(`duplicated index param key ${key}; send it once`);
    const allowed = hints.get(key);
    if (allowed !== undefined && !allowed.has(value.trim().toLowerCase()))
      refuse(`invalid ${key} value: ${value.slice(0, 64)}, expected true or false`);
    set[key] = value;
  }
  return set;
}
