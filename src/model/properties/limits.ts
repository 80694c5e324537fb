// Limits that properties of a collection or its database set, as a request reads them: parsed once where they are used, and checked where
// they are set. Nothing is limited that no property names.
import { ElanusError } from '#base/errors.js';

type Properties = Readonly<Record<string, string>>;

/** What is counted by the second, with the unit of its keys. */
export const rateUnits = {
  insertRate: 'mb',
  upsertRate: 'mb',
  deleteRate: 'mb',
  queryRate: 'qps',
  searchRate: 'vps',
  bulkLoadRate: 'mb',
} as const;
export type RateName = keyof typeof rateUnits;

const MIB = 1 << 20;
const isRateName = (name: string): name is RateName => Object.hasOwn(rateUnits, name);

/** In bytes, queries or query vectors a second; undefined: no limit. */
export function rateLimit(properties: Properties, name: RateName): number | undefined {
  const unit = rateUnits[name];
  const text = properties[`collection.${name}.max.${unit}`];
  const value = text === undefined ? -1 : Number(text);
  // As in Milvus, a negative value is no limit.
  if (!(value >= 0)) return undefined;
  return unit === 'mb' ? value * MIB : value;
}

/** Bytes that files of a collection, or of all of a database, may take; undefined: no limit. */
export function diskQuota(properties: Properties, of: 'collection' | 'database'): number | undefined {
  const key = of === 'collection' ? 'collection.diskProtection.diskQuota.mb' : 'database.diskQuota.mb';
  const value = properties[key] === undefined ? -1 : Number(properties[key]);
  return value >= 0 ? value * MIB : undefined;
}

/** Whether an administrator has closed the database for what is read or written. */
export const isDenied = (properties: Properties, what: 'reading' | 'writing' | 'ddl' | ChangeKind): boolean =>
  /^(?:true|1|t)$/i.test((properties[`database.force.deny.${what}`] ?? '').trim());

/** What a database can be closed for beside reads and writes; `ddl` closes it for all of them. */
export const changeKinds = ['collectionDDL', 'partitionDDL', 'index', 'flush', 'compaction'] as const;
export type ChangeKind = (typeof changeKinds)[number];
export const isClosedFor = (properties: Properties, kind: ChangeKind): boolean =>
  isDenied(properties, 'ddl') || isDenied(properties, kind);

/** How many collections a database may have, as its own properties say; undefined: they do not. */
export function collectionsMax(properties: Properties): number | undefined {
  const text = properties['database.max.collections'];
  return text === undefined ? undefined : Number(text);
}

/** @throws invalid_parameter for a key that is no rate, a unit that is not its own, or no number */
export function checkRate(key: string, value: string): void {
  const [, name = '', unit = ''] = /^collection\.(\w+)\.(?:max|min)\.(\w+)$/.exec(key) ?? [];
  if (!isRateName(name) || rateUnits[name] !== unit)
    throw new ElanusError(
      'invalid_parameter',
      `property ${key.slice(0, 200)} is no rate, expected one of ${Object.entries(rateUnits)
        .map(([one, of]) => `collection.${one}.max.${of}`)
        .join(', ')}`,
    );
  checkNumber(key, value);
}

/** @throws invalid_parameter */
export function checkNumber(key: string, value: string): void {
  if (/^[+-]?(?:\d{1,15})(?:\.\d{1,9})?$/.test(value.trim())) return;
  throw new ElanusError(
    'invalid_parameter',
    `property ${key.slice(0, 200)} has the value ${value.slice(0, 64)}, expected a number; a negative one is no limit`,
  );
}

/** @throws invalid_parameter */
export function checkCount(key: string, value: string): void {
  if (/^\d{1,9}$/.test(value.trim())) return;
  throw new ElanusError(
    'invalid_parameter',
    `property ${key.slice(0, 200)} has the value ${value.slice(0, 64)}, expected a whole number from 0`,
  );
}
