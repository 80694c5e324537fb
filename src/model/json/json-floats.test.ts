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

describe('float32 from long lists', () => {
  const between = '0.50000002980232238769531250000000000000001';
  const bitsOf = (texts: readonly string[]): number[] => bits(Float32Array.from(texts, Number));

  it('are those of JSON.parse, whatever the list before was like', () => {
    const wide = fc
      .tuple(fc.nat(200), finite)
      .map(([zeros, value]) => `${value.toFixed(20)}${'0'.repeat(zeros)}`);
    const texts = fc.oneof(
      { weight: 4, arbitrary: finite.map((value) => String(Math.fround(value / 1e290))) },
      { weight: 1, arbitrary: fc.constantFrom('1', '-0', between, `-${between}`) },
      { weight: 1, arbitrary: wide.filter((text) => !text.includes('e') && Math.abs(Number(text)) < 1e38) },
    );
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 1, maxLength: 40 }),
        fc.constantFrom(1, 300),
        (some, times) => {
          const list = Array.from({ length: times }, () => some).flat();
          expect(read(`[${list.join(', ')}]`, list.length)).toEqual(bitsOf(list));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('go through the memory in parts, wherever a number or a space lies', () => {
    const list = Array.from({ length: 9000 }, (_, at) => String(Math.fround(Math.sin(at))));
    for (const space of ['', ' '.repeat(7), '\n'.repeat(23)])
      expect(read(`[${list.join(`${space},${space}`)}${space}]`, list.length)).toEqual(bitsOf(list));
    const far = ['1', `${' '.repeat(250_000)}2${' '.repeat(100_000)}`, '3'];
    expect(read(`[${far.join(',')}]`, 3)).toEqual(bitsOf(far));
  });

  it('are open one after the other and exact all the same', () => {
    const list = Array.from({ length: 5000 }, (_, at) => (at % 3 === 0 ? `-${between}` : between));
    expect(read(`[${list.join(',')}]`, list.length)).toEqual(bitsOf(list));
  });

  it('have as many digits as the memory has room for, and no more', () => {
    const long = (digits: number): string => `0.${'3'.repeat(digits)}`;
    expect(read(`[${long(100_000)},${long(100_000)}]`, 2)).toEqual(
      bitsOf(['0.3333333333333333', '0.3333333333333333']),
    );
    expect(read(`[1,${long(200_000)}]`, 2)).toBeUndefined();
  });

  it('end with the text', () => {
    for (const text of ['[1', '[1,', '[1,2', '[1,2 ', '[1,-', '[1,2.', '[1,2e', '[1,2e-', '['])
      expect(read(text, 2), text).toBeUndefined();
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
