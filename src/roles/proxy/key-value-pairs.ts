// Properties and params as the protocol lists them, and as the catalog keeps them.
import type { KeyValuePair } from '#proto/milvus/common.js';

export const pairsOf = (record: Readonly<Record<string, string>>): KeyValuePair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

export const recordOfPairs = (pairs: readonly KeyValuePair[]): Record<string, string> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
