// Entries of regions: which walks look everywhere, what is noted, and what makes room.
import { expect, test } from 'vitest';
import { ENTRIES_MAX, entriesBytes, KnownEntries } from './known-entries.js';

const words = (nodes: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(entriesBytes(nodes)));
const nodesFrom = (first: number, count = 10): Uint32Array =>
  Uint32Array.from({ length: count }, (_, at) => first + at);

test('a region has entries after walks that looked everywhere, and looks again ever more rarely', () => {
  const table = words(100_000);
  const looks: number[] = [];
  for (let walk = 1; walk <= 130; walk++) {
    const region = new KnownEntries(table, 77);
    if (region.take() !== undefined) continue;
    looks.push(walk);
    region.noteFar(nodesFrom(walk * 10));
  }
  // The first of all walks makes the region.
  expect(looks).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 48, 64, 80, 96, 112, 128]);
  expect(new KnownEntries(table, 78).take()).toBeUndefined();
});

test('entries are kept once, in place of the oldest', () => {
  const table = words(100_000);
  const of = (): KnownEntries => new KnownEntries(table, 5);
  const entries = (): number[] => {
    for (;;) {
      const taken = of().take();
      if (taken !== undefined) return [...taken].sort((a, b) => a - b);
    }
  };
  of().noteFar(nodesFrom(0));
  of().noteFar(nodesFrom(5));
  expect(entries()).toEqual([...nodesFrom(0, 15)]);
  for (let first = 15; first < 500; first += 10) of().noteFar(nodesFrom(first));
  expect(entries()).toEqual([...nodesFrom(505 - ENTRIES_MAX, ENTRIES_MAX)]);
});

test('many regions share little room: those that are asked for least make place', () => {
  const table = words(2000);
  const often = new KnownEntries(table, 1);
  often.noteFar(nodesFrom(0));
  for (let walk = 0; walk < 40; walk++) often.take();
  for (let other = 2; other < 200; other++) new KnownEntries(table, other).noteFar(nodesFrom(other));
  let known = 0;
  for (let walk = 0; walk < 3; walk++) if (new KnownEntries(table, 1).take() !== undefined) known++;
  expect(known).toBeGreaterThan(0);
  expect(entriesBytes(2000)).toBe(8 * 256);
  expect(entriesBytes(100_000_000)).toBe(512 * 256);
});
