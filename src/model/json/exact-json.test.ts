import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonValue, parseExactJson } from './exact-json.js';
import { JSON_DEPTH_MAX } from './json-text.js';

describe('parseExactJson', () => {
  it('reads what JSON.parse reads', () => {
    const noProto = (text: string): boolean => !text.includes('__proto__') && !/\\ud[89a-f]/i.test(text);
    fc.assert(
      fc.property(fc.json().filter(noProto), (text) => {
        // As doubles, which is all that JSON.parse has.
        const asDoubles = (value: JsonValue): unknown =>
          JSON.parse(
            JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one)),
          );
        expect(asDoubles(parseExactJson(text))).toEqual(asDoubles(JSON.parse(text) as JsonValue));
      }),
    );
  });

  it('keeps every integer', () => {
    fc.assert(fc.property(fc.bigInt(), (value) => BigInt(parseExactJson(String(value)) as bigint) === value));
    expect(
      parseExactJson('[9007199254740993,1e20,9007199254740993.0,-9223372036854775808,"9007199254740993"]'),
    ).toEqual([9007199254740993n, 1e20, 9007199254740992, -9223372036854775808n, '9007199254740993']);
  });

  it.each([
    ['', /the end/],
    ['{"a":1,"a":2}', /second time/],
    ['{"a":1,"\\u0061":2}', /second time/],
    ['{"__proto__":{}}', /__proto__/],
    ['1e400', /no double/],
    ['"\\ud800"', /Unicode/],
    ['{"\\udfff":1}', /Unicode/],
    ['"a\nb"', /Unicode/],
    ['[1] x', /expected the end/],
    ['[1,]', /expected a value/],
    ['{"a" 1}', /":"/],
    ['{a:1}', /double quotes/],
    ['[1', /"," or "\]"/],
    ['{"a":1', /"," or "}"/],
    ['NaN', /expected a value/],
    ['01', /expected the end/],
    ['-', /expected a value/],
    ['tru', /expected a value/],
    ['['.repeat(100_000), /nested deeper/],
  ])('refuses %.40j', (text, message) => {
    expect(() => parseExactJson(text)).toThrow(message);
    expect(() => parseExactJson(text)).toThrow(expect.objectContaining({ key: 'invalid_parameter' }));
  });

  it('goes as deep as rows do', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseExactJson(nested(JSON_DEPTH_MAX))).toHaveLength(1);
    expect(() => parseExactJson(nested(JSON_DEPTH_MAX + 2))).toThrow(/nested/);
  });
});
