import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countBefore, placesOf, type Value, type ValueList } from './value-list.js';

/** Each value by itself, one after the other. */
function oneByOne(list: ValueList, values: readonly Value[]): number[] {
  return values.flatMap((value) => {
    const [begin, end] = [countBefore(list, value, false), countBefore(list, value, true)];
    return Number.isNaN(value) || begin === end ? [] : [begin, end];
  });
}

const ints = fc.bigInt({ min: -40n, max: 40n });
const doubles = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map((one) => one / 2),
  fc.constant(-0),
);

it('finds ints and doubles among ints, ascending or not', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(ints),
      fc.array(fc.oneof(ints, doubles, fc.constant(Number.NaN))),
      (own, asked) => {
        const values = BigInt64Array.from(own).sort();
        const list: ValueList = { form: 'int64', values };
        expect([...placesOf(list, asked)]).toEqual(oneByOne(list, asked));
        const sorted = asked.filter((one) => !Number.isNaN(one)).sort((a, b) => (a < b ? -1 : Number(a > b)));
        expect([...placesOf(list, sorted)]).toEqual(oneByOne(list, sorted));
      },
    ),
  );
});

it('finds zero with either sign', () => {
  const list: ValueList = { form: 'double', values: Float64Array.of(-1, -0, 0, 3) };
  expect([...placesOf(list, [-1, 0, 2, 3])]).toEqual([0, 1, 1, 3, 3, 4]);
  expect([...placesOf(list, [0n])]).toEqual([1, 3]);
});

it('finds texts', () => {
  const utf8 = new TextEncoder();
  const bytes = utf8.encode('abcd');
  const list: ValueList = { form: 'text', offsets: Uint32Array.of(0, 0, 1, 3, 4), bytes };
  const asked = ['', 'a', 'b', 'bc', 'd', 'e', 'a'].map((text) => utf8.encode(text));
  expect([...placesOf(list, asked)]).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 1, 2]);
});
