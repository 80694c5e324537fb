// What the bodies of several endpoints have in common: names, numbers, lists of key and value.
import { z } from 'zod';
import { ConsistencyLevel, type KeyValuePair } from '#proto/milvus/common.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { jsonText } from '#server/rest/answers/json-text.js';
import { RestFailure } from '#server/rest/rest-failure.js';

export const name = z.string().min(1);
/** The database, when it is not that of the header `DB-Name`. */
export const dbName = z.string().optional();
export const texts = z.array(z.string());
/** Values by name; what they mean is decided where they are used. */
export const values = z.record(z.string(), z.unknown());

/** int64 comes as a number, or as text from those whose numbers are doubles. */
export const int64 = z
  .union([z.int(), z.bigint(), z.string().regex(/^-?\d{1,19}$/)])
  .transform((value) => BigInt(value))
  .meta({ type: 'integer', format: 'int64' });

export const ofDatabase = z.strictObject({ dbName });
export const ofCollection = z.strictObject({ dbName, collectionName: name });
export const ofPartition = ofCollection.extend({ partitionName: name });
/** Whose rows a request is about, in a collection with namespaces. */
export const namespace = z.string().optional();
export const inNamespace = (body: { readonly namespace?: string | undefined }) =>
  body.namespace === undefined ? {} : { namespace: body.namespace };
export const consistencyLevel = z.enum(['Strong', 'Session', 'Bounded', 'Eventually', 'Customized']);

export const levelOf = (level: z.output<typeof consistencyLevel>): ConsistencyLevel =>
  ConsistencyLevel[level];

/** A value as the messages have it, where all values are text. */
export const valueText = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'number'
      ? String(value)
      : jsonText(value as Answer, false);

/** What is undefined is not said. */
export function pairsOf(object: Readonly<Record<string, unknown>> = {}): KeyValuePair[] {
  const pairs: KeyValuePair[] = [];
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined) pairs.push({ key, value: valueText(value) });
  }
  return pairs;
}

/** Properties, whose values are never objects: `{"mmap": {"enabled": true}}`, as some write it, is `mmap.enabled`. */
export function propertyPairs(object: Readonly<Record<string, unknown>> = {}): KeyValuePair[] {
  return pairsOf(object).flatMap(({ key, value }) => {
    const given = object[key];
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return [{ key, value }];
    return propertyPairs(given as Readonly<Record<string, unknown>>).map((inner) => ({
      ...inner,
      key: `${key}.${inner.key}`,
    }));
  });
}

export const pairAnswer = (pairs: readonly KeyValuePair[]): Answer =>
  pairs.map(({ key, value }) => ({ key, value }));

/** A count in statistics; 0 when there is none. */
export const rowCountOf = (stats: readonly KeyValuePair[]): number =>
  Number(stats.find(({ key }) => key === 'row_count')?.value ?? 0);

/** @param table of an enum of the messages @returns the name of the value, as the protocol writes it */
export const enumName = (table: Readonly<Record<string, unknown>>, value: number): string =>
  Object.entries(table).find(([, one]) => one === value)?.[0] ?? String(value);

export const invalid = (text: string): never => {
  throw new RestFailure(1100, `${text}: invalid parameter`);
};

/** The collection as the messages name it. */
export const named = (body: { readonly collectionName: string }, call: { readonly dbName: string }) => ({
  dbName: call.dbName,
  collectionName: body.collectionName,
});
