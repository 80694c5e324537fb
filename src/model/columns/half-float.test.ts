// Every value of two bytes there and back, and the midpoints between neighbours, where rounding is decided.
import { describe, expect, it } from 'vitest';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from './half-float.js';

const kinds = [
  { name: 'float16', toBits: float16Bits, toValue: float16Value, infinity: 0x7c00 },
  { name: 'bfloat16', toBits: bfloat16Bits, toValue: bfloat16Value, infinity: 0x7f80 },
];
describe.each(kinds)('$name', ({ toBits, toValue, infinity }) => {
  it('gives every value its own bits', () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = toValue(bits);
      if (Number.isNaN(value)) expect(toBits(value) & infinity).toBe(infinity);
      else if (toBits(value) !== bits) expect.fail(`${bits} -> ${value} -> ${toBits(value)}`);
    }
  });
  it('rounds to the nearest, ties to even', () => {
    for (let bits = 0; bits < infinity; bits++) {
      const [low, high] = [
        toValue(bits),
        bits + 1 === infinity ? 2 * toValue(bits) - toValue(bits - 1) : toValue(bits + 1),
      ];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const slightly = (high - low) * 2 ** -30;
      const found = [middle, middle - slightly, middle + slightly, -middle].map(toBits);
      if (found.join() !== [even, bits, bits + 1, even | 0x8000].join())
        expect.fail(`around ${middle}: ${found}, even is ${even}`);
    }
  });
  it('overflows to infinity', () => {
    expect([1e39, Infinity, -1e300].map(toBits)).toEqual([infinity, infinity, infinity | 0x8000]);
    expect(toBits(1e-60)).toBe(0);
    expect(toBits(-1e-60)).toBe(0x8000);
  });
});

it('are the numbers everybody has', () => {
  expect([1, -2, 65_504, 2 ** -24, 0.1].map(float16Bits)).toEqual([0x3c00, 0xc000, 0x7bff, 1, 0x2e66]);
  expect([1, -2, 3.140625, 0.1].map(bfloat16Bits)).toEqual([0x3f80, 0xc000, 0x4049, 0x3dcd]);
});
