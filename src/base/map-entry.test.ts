import { expect, it } from 'vitest';
import { decodeBounded } from '#model/bounded-decode.js';
import { LoadCollectionRequest, QueryRequest } from '#proto/milvus/milvus.js';
import type { TemplateValue } from '#proto/milvus/schema.js';

const TEMPLATE: TemplateValue = { val: { $case: 'int64Val', value: 7n } };

/** A map with a key of its own, whatever the key is. */
const mapOf = <T>(key: string, value: T): { [key: string]: T } => {
  const map: { [key: string]: T } = {};
  Object.defineProperty(map, key, { value, enumerable: true });
  return map;
};
const query = (key: string): Uint8Array =>
  QueryRequest.encode({
    ...QueryRequest.fromPartial({ expr: 'a > {x}' }),
    exprTemplateValues: mapOf(key, TEMPLATE),
  }).finish();
const load = (key: string): Uint8Array =>
  LoadCollectionRequest.encode({
    ...LoadCollectionRequest.fromPartial({}),
    loadParams: mapOf(key, 'value'),
  }).finish();

it('an entry under a key that an object cannot have is refused, not left out', () => {
  expect(() => QueryRequest.decode(query('__proto__'))).toThrow(/key __proto__.*choose another/);
  expect(() => LoadCollectionRequest.decode(load('__proto__'))).toThrow(/key __proto__/);
  expect(() => decodeBounded(QueryRequest, query('__proto__'), 2 ** 20)).toThrow(/key __proto__/);
});

it('other names of what objects inherit are keys like any', () => {
  for (const key of ['constructor', 'toString', 'hasOwnProperty', '']) {
    expect(Object.entries(QueryRequest.decode(query(key)).exprTemplateValues)).toEqual([[key, TEMPLATE]]);
    expect(Object.entries(LoadCollectionRequest.decode(load(key)).loadParams)).toEqual([[key, 'value']]);
  }
});
