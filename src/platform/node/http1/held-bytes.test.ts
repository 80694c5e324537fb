import { describe, expect, it } from 'vitest';
import { HeldBytes, newCells } from './held-bytes.js';

const MiB = 1024 * 1024;
describe('HeldBytes', () => {
  it('refuses what does not fit, changes nothing then, and has it all back at the end', () => {
    const held = new HeldBytes(64 * MiB);
    const charges = Array.from({ length: 60 }, () => held.charge());
    const admitted = charges.filter((charge) => charge.resize(4 * MiB));
    expect(admitted.length).toBe(14); // 56 MiB: seven eighths.
    expect(held.bytes).toBe(56 * MiB);
    expect(admitted[0]?.resize(5 * MiB)).toBe(true); // By one more MiB, which counts as small.
    expect(admitted[0]?.resize(50 * MiB)).toBe(false);
    expect(held.bytes).toBe(57 * MiB);
    for (const charge of charges) charge.release();
    expect(held.bytes).toBe(0);
  });
  it('keeps the last eighth for small ones', () => {
    const held = new HeldBytes(16 * MiB);
    expect(held.charge().resize(14 * MiB)).toBe(true);
    expect(held.charge().resize(1.5 * MiB)).toBe(false);
    const small = Array.from({ length: 100 }, () => held.charge()).filter((charge) =>
      charge.resize(100 * 1024),
    );
    expect(small.length).toBe(20);
  });
  it('counts all threads, and what a lost one held can be given back', () => {
    const cells = newCells(2);
    const [one, other] = [new HeldBytes(8 * MiB, cells, 0), new HeldBytes(8 * MiB, cells, 1)];
    expect(one.charge().resize(6 * MiB)).toBe(true);
    expect(other.charge().resize(2 * MiB)).toBe(false);
    Atomics.store(cells, 0, 0);
    expect(other.charge().resize(2 * MiB)).toBe(true);
    expect(one.bytes).toBe(2 * MiB);
  });
});
