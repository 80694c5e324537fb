// Vectors read from bytes are those that JSON.parse and rounding give, bit for bit; what JSON does not allow is not read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFloats } from './json-floats.js';

const utf8 = new TextEncoder();
const bits = (values: Float32Array): number[] => [...new Uint32Array(values.buffer)];

/** Undefined: not read. */
function read(text: string, length: number): number[] | undefined {
  const into = new Float32Array(length);
  const end = readFloats(utf8.encode(text), 0, into);
  if (end < 0) return undefined;
  expect(end).toBe(text.indexOf(']') + 1);
  return bits(into);
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const near = fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true }));
const number = fc.oneof(
  finite.map(String),
  finite.map((value) => value.toExponential(fc.sample(fc.nat(20), 1)[0])),
  fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value.toFixed(20)),
  fc.integer().map(String),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  // Right between two float32, and a hair beside it: the hard ones.
  near.map(([value]) => {
    const next = new Float32Array([value]);
    const raw = new Uint32Array(next.buffer);
    raw[0] = (raw[0] as number) + 1;
    const other = next[0] as number;
    return Number.isFinite(other) ? String((value + other) / 2) : '1';
  }),
  fc.tuple(finite, fc.constantFrom('0', '1', '00000001', '9')).map(([value, more]) => {
    const text = String(value);
    return text.includes('.') && !text.includes('e') ? `${text}${more}` : text;
  }),
  fc.constantFrom(
    '-0',
    '0',
    '-0.0',
    '0e5',
    '1E+2',
    '1e-2',
    '1.5e22',
    '1e-45',
    '3.4028235e38',
    '7e-46',
    '1e-400',
  ),
);
const space = fc.constantFrom('', ' ', '\n', '\t ');

describe('float32 from bytes of JSON', () => {
  it('are those of JSON.parse', () => {
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1, maxLength: 6 }),
        space,
        space,
        (numbers, before, after) => {
          const text = `[${numbers.map((one) => `${before}${one}${after}`).join(',')}]`;
          const parsed = Float32Array.from(JSON.parse(text) as number[]);
          if (parsed.every(Number.isFinite)) expect(read(text, numbers.length), text).toEqual(bits(parsed));
          else expect(read(text, numbers.length), text).toBeUndefined();
        },
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    '[]',
    '[1]',
    '[1,2,3]',
    '[1,2',
    '[1,2,]',
    '[,1]',
    '[1 2]',
    '[01,2]',
    '[1.,2]',
    '[.5,2]',
    '[1e,2]',
    '[1e+,2]',
    '[+1,2]',
    '[-,2]',
    '[--1,2]',
    '[1,2e999]',
    '[1,1e39]',
    '[1,null]',
    '[1,"2"]',
    '[1,[2]]',
    '[NaN,1]',
    '[1,0x2]',
    '{"a":1}',
  ])('are none in %s', (text) => {
    expect(read(text, 2)).toBeUndefined();
  });

  it('are read only where JSON.parse reads, whatever the signs', () => {
    const signs = fc.constantFrom(...'[],.-+eE0159 \n"{n'.split(''));
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 12 }), (list) => {
        const text = `[${list.join('')}]`;
        const found = readAny(text);
        if (found !== undefined)
          expect(bits(Float32Array.from(JSON.parse(found.text) as number[]))).toEqual(found.bits);
      }),
      { numRuns: 20_000 },
    );
  });
});

/** Tries each length; the text is what was read. */
function readAny(text: string): { readonly text: string; readonly bits: number[] } | undefined {
  for (let length = 1; length < 6; length++) {
    const into = new Float32Array(length);
    const end = readFloats(utf8.encode(text), 0, into);
    if (end >= 0) return { text: text.slice(0, end), bits: bits(into) };
  }
  return undefined;
}
