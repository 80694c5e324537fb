// Rows come out the same however the file is sliced, and every damaged text ends in a typed error.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonRowSplitter, type JsonRowsKind } from './json-rows.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
function split(
  bytes: Uint8Array,
  kind: JsonRowsKind,
  cuts: readonly number[] = [],
  rowBytesMax?: number,
): string[] {
  const splitter = new JsonRowSplitter(kind, rowBytesMax);
  const rows: string[] = [];
  const take = (texts: Iterable<Uint8Array>): void => {
    for (const row of texts) rows.push(new TextDecoder().decode(row));
  };
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let begin = 0;
  for (const end of ends) {
    take(splitter.push(bytes.slice(begin, end)));
    begin = end;
  }
  take(splitter.finish());
  return rows;
}

const everyByte = (bytes: Uint8Array): number[] => Array.from(bytes, (_, at) => at);

describe('JsonRowSplitter', () => {
  it.each([
    ['[]', []],
    ['{"rows": []}', []],
    [' { "rows"\n:\t[ {"a":1} , {"b":[{"c":"}"}]} ] } \r\n', ['{"a":1}', '{"b":[{"c":"}"}]}']],
    ['\ufeff[{"a":"\\"}"},{"b":"\\\\"}]', ['{"a":"\\"}"}', '{"b":"\\\\"}']],
  ])('json %j', (text, rows) => {
    expect(split(encode(text), 'json')).toEqual(rows);
    expect(split(encode(text), 'json', everyByte(encode(text)))).toEqual(rows);
  });
  it.each([
    ['{"a":1}\r\n\n {"b":2}', ['{"a":1}', '{"b":2}']],
    ['\ufeff{"a":1}\n', ['{"a":1}']],
  ])('jsonl %j', (text, rows) => {
    expect(split(encode(text), 'jsonl')).toEqual(rows);
    expect(split(encode(text), 'jsonl', everyByte(encode(text)))).toEqual(rows);
  });
  it.each([
    '',
    '{',
    '[',
    '[{',
    '[{}',
    '[{},]',
    '[{}{}]',
    '[1]',
    '{"row":[]}',
    '{"rows":{}}',
    '{"rows":[]',
    '[]]',
    '[]x',
    '{"rows":[],"a":1}',
    '[{"a":"}]',
    '\u0000',
    '{"ro ws":[]}',
  ])('refuses %j', (text) => {
    const run = (cuts: number[]) => () => split(encode(text), 'json', cuts);
    expect(run([])).toThrow(expect.objectContaining({ key: 'import_failed' }));
    expect(run(everyByte(encode(text)))).toThrow(expect.objectContaining({ key: 'import_failed' }));
  });
  it.each(['', '\n \r\n', '\ufeff', ' '.repeat(99)])('%j is an empty file in every format', (text) => {
    for (const kind of ['json', 'jsonl'] as const) {
      for (const cuts of [[], everyByte(encode(text))]) {
        expect(() => split(encode(text), kind, cuts)).toThrow(
          'the file is empty, expected rows: write it again',
        );
      }
    }
  });
  it('makes no line of blank ones: a row is found with one look at a slice', () => {
    const splitter = new JsonRowSplitter('jsonl');
    const slice = encode(`${'\n'.repeat(1_000_000)}{"a":1}\n${' \n'.repeat(1_000_000)}`);
    let searches = 0;
    const counted = new Proxy(slice, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'indexOf' || name === 'subarray') searches++;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect([...splitter.push(counted)].map((row) => new TextDecoder().decode(row))).toEqual(['{"a":1}']);
    expect(searches).toBeLessThan(10);
  });
  it('bounds the text of a row, wherever the slices end', () => {
    const text = encode(`[{"a":"${'x'.repeat(100)}"}]`);
    for (const cuts of [[], everyByte(text)])
      expect(() => split(text, 'json', cuts, 64)).toThrow(/more than 64 bytes/);
    expect(() => split(encode('x'.repeat(100)), 'jsonl', [], 64)).toThrow(/more than 64 bytes/);
  });
  it('gives the rows of random documents at random slices', () => {
    const rows = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()));
    fc.assert(
      fc.property(
        rows,
        fc.array(fc.nat()),
        fc.constantFrom(undefined, 1),
        fc.boolean(),
        (values, cuts, indent, isObject) => {
          const bytes = encode(JSON.stringify(isObject ? { rows: values } : values, null, indent));
          expect(split(bytes, 'json', cuts).map((row) => JSON.parse(row))).toEqual(
            JSON.parse(JSON.stringify(values)),
          );
          const lines = encode(values.map((value) => JSON.stringify(value)).join('\n'));
          if (values.length > 0)
            expect(split(lines, 'jsonl', cuts).map((row) => JSON.parse(row))).toEqual(
              JSON.parse(JSON.stringify(values)),
            );
        },
      ),
    );
  });
  it('is as happy with random bytes as JSON.parse, or less', () => {
    const text = fc.string({ unit: fc.constantFrom(...'[]{}:,"\\ rows1a\n') });
    fc.assert(
      fc.property(text, fc.array(fc.nat()), (random, cuts) => {
        const outcome = (at: readonly number[]): unknown => {
          try {
            return split(encode(random), 'json', at);
          } catch (error) {
            expect(error).toMatchObject({ key: 'import_failed' });
            return 'refused';
          }
        };
        expect(outcome(cuts)).toEqual(outcome([]));
      }),
      { numRuns: 1000 },
    );
  });
});
