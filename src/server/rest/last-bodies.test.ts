// A body that is like one before is read to the same as without one before.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { jsonBytesOfText } from '#model/json/json-bytes.js';
import { readBody, readObject } from './body.js';
import { endpoints } from './endpoints.js';
import { LastBodies } from './last-bodies.js';
import { RawJson } from './raw-json.js';

const { body: schema } = must(
  endpoints.find(({ path }) => path === 'entities/search'),
  'the search',
);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a body is read to, with the text of what stays bytes; what is said of one that cannot be read. */
function outcome(read: () => { readonly body: unknown; readonly values: number }): unknown {
  try {
    const { body, values } = read();
    const members = Object.entries(body as object).map(([key, one]) => [
      key,
      one instanceof RawJson ? one.text : one,
    ]);
    return { ...Object.fromEntries(members), values };
  } catch (error) {
    return String(error);
  }
}

const plainly = (text: string) => {
  const source = jsonBytesOfText(text);
  return outcome(() => readObject(source, 0, source.bytes.length, schema));
};

const data = fc.oneof(
  fc.constantFrom(
    ...['[[1,2.5]]', '[[-1e3]]', '[]', '["a]"]', '[[1],[2]]', '[[1', '[1]]', 'null', '7', '"x"', '', '[,]'],
    '[1],"limit":3',
    '[1],"data":[2]',
    '[1],"limit":3,"exprParams":{"a":[2]',
    '["ü"]',
  ),
  fc.array(fc.float({ noNaN: true, noDefaultInfinity: true })).map((one) => JSON.stringify([one])),
);
const before = fc.constantFrom('{"data":', '{"collectionName":"c","data": ', ' {"limit":5,"data":');
const after = fc.constantFrom(
  '}',
  ',"collectionName":"c"}',
  ' , "collectionName":"c","limit":7,"outputFields":["a","ü"],"searchParams":{"params":{"ef":64}}}\n',
  ',"limit":7}',
  ',"nothing":1}',
);

describe('bodies that are like one before', () => {
  it('are read to the same, well-formed or not', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(before, data, after), { minLength: 2, maxLength: 6 }), (parts) => {
        for (const text of parts.map((one) => one.join('')))
          expect(outcome(() => readBody(bytesOf(text), schema))).toEqual(plainly(text));
      }),
      { numRuns: 400 },
    );
  });

  it('are known by what stands around the vectors, and share that', () => {
    const bodies = new LastBodies();
    const text = (vector: string, limit = 5) =>
      `{"collectionName":"c","data":[[${vector}]],"limit":${limit},"outputFields":["a"]}`;
    const first = jsonBytesOfText(text('1,2'));
    bodies.keep(first, readObject(first, 0, first.bytes.length, schema));
    const again = bodies.like(jsonBytesOfText(text('3,4,5')))?.body as {
      outputFields: string[];
      data: RawJson;
    };
    expect(again).toMatchObject({ collectionName: 'c', limit: 5, outputFields: ['a'] });
    expect(again.data.text).toBe('[[3,4,5]]');
    expect(() => again.outputFields.push('b')).toThrow(TypeError);
    expect(bodies.like(jsonBytesOfText(text('1,2', 6)))).toBeUndefined();
    expect(bodies.like(jsonBytesOfText(text('1,2').replace('"c"', '"d"')))).toBeUndefined();
  });

  it('are kept four at a time, short ones only, and never their vectors', () => {
    const bodies = new LastBodies();
    const keep = (text: string) => {
      const source = jsonBytesOfText(text);
      bodies.keep(source, readObject(source, 0, source.bytes.length, schema));
      return bodies.like(source) !== undefined;
    };
    const named = (name: string) => `{"collectionName":"${name}","data":[[1]]}`;
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => keep(named(name)))).toEqual(Array(5).fill(true));
    expect(bodies.like(jsonBytesOfText(named('a')))).toBeUndefined();
    expect(bodies.like(jsonBytesOfText(named('b')))).toBeDefined();
    expect(keep(named('x'.repeat(2000)))).toBe(false);
    expect(keep('{"collectionName":"c","ids":[1]}')).toBe(false);
    expect(keep(`{"collectionName":"c","data":[[${'1,'.repeat(9000)}1]]}`)).toBe(true);
  });
});
