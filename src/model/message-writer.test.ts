// Every byte is that of the generated encoders' own writer, for messages of any shape and size, one after another and one within another.

import { readdirSync, readFileSync } from 'node:fs';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MetaChangesRequest } from '#proto/elanus/roles.js';
import {
  InsertRequest,
  MutationResult,
  QueryResults,
  SearchRequest,
  SearchResults,
} from '#proto/milvus/milvus.js';
import { FieldData } from '#proto/milvus/schema.js';
import { encodeMessage } from './message-writer.js';

interface Type<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  fromPartial(partial: object): T;
}

const isSame = <T>(type: Type<T>, message: T): boolean =>
  Buffer.compare(encodeMessage(type, message), type.encode(message).finish()) === 0;

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    1n,
    127n,
    128n,
    -1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 35n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
);
const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(2n ** 64n - 1n, 2n ** 56n, 0n),
);
const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)));
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    '',
    'a'.repeat(32),
    'a'.repeat(33),
    'ä'.repeat(64),
    'x'.repeat(127),
    '€'.repeat(50),
    '\ud800',
    'b'.repeat(20_000),
  ),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .constantFrom(0, 1, 127, 128, 2047, 2048, 16_383, 16_384, 40_000)
    .map((length) => new Uint8Array(length).fill(length)),
);

const scalars = fc.oneof(
  fc.record({
    $case: fc.constantFrom('longData', 'intData', 'floatData', 'doubleData', 'boolData'),
    value: fc.record({ data: bytes }),
  }),
  fc.record({
    $case: fc.constant('stringData'),
    value: fc.record({ data: fc.array(text, { maxLength: 8 }) }),
  }),
  fc.record({
    $case: fc.constant('jsonData'),
    value: fc.record({ data: fc.array(bytes, { maxLength: 4 }) }),
  }),
);
const vectors = fc.record({
  dim: int64,
  data: fc.oneof(
    fc.record({ $case: fc.constant('floatVector'), value: fc.record({ data: bytes }) }),
    fc.record({ $case: fc.constantFrom('binaryVector', 'float16Vector'), value: bytes }),
    fc.record({
      $case: fc.constant('sparseFloatVector'),
      value: fc.record({ dim: int64, contents: fc.array(bytes, { maxLength: 5 }) }),
    }),
  ),
});
const field = fc.record({
  type: fc.integer({ min: 0, max: 200 }),
  fieldName: text,
  fieldId: int64,
  isDynamic: fc.boolean(),
  validData: fc.array(fc.boolean(), { maxLength: 300 }),
  field: fc.oneof(
    fc.record({ $case: fc.constant('scalars'), value: fc.record({ data: scalars }) }),
    fc.record({ $case: fc.constant('vectors'), value: vectors }),
  ),
});
const status = fc.record({
  code: int32,
  errorCode: fc.nat(100),
  reason: text,
  retriable: fc.boolean(),
  detail: text,
  // A map of a message has no key __proto__: `fromPartial` refuses it, as decoding does.
  extraInfo: fc.dictionary(
    text.filter((key) => key !== '__proto__'),
    text,
    { maxKeys: 3 },
  ),
});
const ids = fc.option(
  fc.record({
    idField: fc.oneof(
      fc.record({ $case: fc.constant('intId'), value: fc.record({ data: bytes }) }),
      fc.record({
        $case: fc.constant('strId'),
        value: fc.record({ data: fc.array(text, { maxLength: 5 }) }),
      }),
    ),
  }),
  { nil: undefined },
);
const fields = fc.array(field, { maxLength: 5 });
const pairs = fc.array(fc.record({ key: text, value: text }), { maxLength: 5 });

const searchResults = fc.record({
  status,
  collectionName: text,
  sessionTs: uint64,
  results: fc.record({
    numQueries: int64,
    topK: int64,
    fieldsData: fields,
    scores: bytes,
    ids,
    topks: fc.array(int64, { maxLength: 5 }),
    outputFields: fc.array(text, { maxLength: 3 }),
    allSearchCount: int64,
    primaryFieldName: text,
    groupByFieldValues: fields,
    searchIteratorV2Results: fc.option(
      fc.record({ token: text, lastBound: fc.float({ noDefaultInfinity: true }) }),
      { nil: undefined },
    ),
  }),
});

const caseOf = <T>(name: string, type: Type<T>, arbitrary: fc.Arbitrary<object>) =>
  [
    name,
    () =>
      fc.assert(
        fc.property(arbitrary, (partial) => isSame(type, type.fromPartial(partial))),
        { numRuns: 400 },
      ),
  ] as const;
const cases = [
  caseOf('SearchResults', SearchResults, searchResults),
  caseOf(
    'QueryResults',
    QueryResults,
    fc.record({
      status,
      fieldsData: fields,
      collectionName: text,
      outputFields: fc.array(text),
      sessionTs: uint64,
    }),
  ),
  caseOf(
    'MutationResult',
    MutationResult,
    fc.record({
      status,
      IDs: ids,
      succIndex: fc.array(fc.nat(2 ** 32 - 1), { maxLength: 300 }),
      acknowledged: fc.boolean(),
      insertCnt: int64,
      timestamp: uint64,
    }),
  ),
  caseOf(
    'InsertRequest',
    InsertRequest,
    fc.record({
      dbName: text,
      collectionName: text,
      fieldsData: fields,
      hashKeys: fc.array(fc.nat(2 ** 32 - 1), { maxLength: 9 }),
      numRows: fc.nat(2 ** 32 - 1),
    }),
  ),
  caseOf(
    'SearchRequest',
    SearchRequest,
    fc.record({
      collectionName: text,
      dsl: text,
      searchInput: fc.record({ $case: fc.constant('placeholderGroup'), value: bytes }),
      searchParams: pairs,
      nq: int64,
      guaranteeTimestamp: uint64,
      consistencyLevel: int32,
    }),
  ),
  caseOf('MetaChangesRequest', MetaChangesRequest, fc.record({ prefix: text, life: uint64, next: uint64 })),
];

it.each(cases)('has the bytes of a %s', (_name, check) => check());

it('has every type of number that a message of ours has', () => {
  const folder = new URL('../../proto/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.proto'),
  );
  const lines = files.flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n'));
  expect(files.length).toBeGreaterThan(5);
  expect(
    lines.filter((line) => /\b(s?fixed32|sfixed64|sint(32|64))\b/.test(line.replace(/\/\/.*/, ''))),
  ).toEqual([]);
});

it('leaves messages alone that it made before', () => {
  const message = (value: number) =>
    FieldData.fromPartial({ fieldName: `field ${value}`, fieldId: BigInt(value) });
  const made = Array.from({ length: 2000 }, (_, at) => encodeMessage(FieldData, message(at)));
  for (const [at, bytes] of made.entries()) expect(FieldData.decode(bytes)).toEqual(message(at));
});

it('encodes a message while another is encoded', () => {
  const inner = FieldData.fromPartial({ fieldName: 'inner', fieldId: 7n });
  const outer = {
    ...FieldData.fromPartial({ fieldId: 9n }),
    get fieldName() {
      return String(FieldData.decode(encodeMessage(FieldData, inner)).fieldName);
    },
  };
  expect(FieldData.decode(encodeMessage(FieldData, outer))).toMatchObject({
    fieldName: 'inner',
    fieldId: 9n,
  });
});

it('refuses what no message can hold, and goes on', () => {
  const failureOf = (encode: () => unknown): string => {
    try {
      encode();
      return 'none';
    } catch (error) {
      return String(error);
    }
  };
  const refused = (partial: object): void => {
    const message = { ...MutationResult.fromPartial({}), ...partial };
    const failure = failureOf(() => MutationResult.encode(message).finish());
    expect(failure).not.toBe('none');
    expect(failureOf(() => encodeMessage(MutationResult, message))).toBe(failure);
  };
  refused({ insertCnt: 2n ** 63n });
  refused({ timestamp: -1n });
  refused({ succIndex: [1.5] });
  refused({ succIndex: [-1] });
  expect(isSame(MutationResult, MutationResult.fromPartial({ succIndex: [1, 2 ** 32 - 1] }))).toBe(true);
});
