// Each row is in one segment of the choice, whatever was compacted and whichever indexes are there; and searches keep their indexes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentRecord } from '#proto/elanus/data.js';
import { chooseServed } from './choose-served.js';

const INDEX = { id: 9n };
const segment = (id: bigint, more: Partial<SegmentRecord> = {}, isIndexed = true): SegmentRecord =>
  SegmentRecord.fromPartial({
    ...{ id, rowCount: 100n, ...more },
    indexes: isIndexed ? [{ indexId: INDEX.id, state: 'finished' }] : [],
  });
const choose = (
  flushed: readonly SegmentRecord[],
  replaced: readonly SegmentRecord[],
  served: readonly bigint[],
): readonly bigint[] =>
  chooseServed(flushed, replaced, { indexes: [INDEX], isServed: (id) => served.includes(id) }).segments.map(
    ({ id }) => id,
  );

const sources = [segment(1n, { compactedTo: [11n] }), segment(2n, { compactedTo: [11n] })];
const merged = (isIndexed: boolean, more: Partial<SegmentRecord> = {}) =>
  segment(11n, { rowCount: 200n, compactedFrom: [1n, 2n], ...more }, isIndexed);

describe('chooseServed', () => {
  it('serves sources until the new segment has their indexes', () => {
    expect(choose([merged(false), segment(5n)], sources, [1n, 2n])).toEqual([5n, 1n, 2n]);
    expect(choose([merged(true), segment(5n)], sources, [1n, 2n])).toEqual([11n, 5n]);
  });

  it('does not wait for an index that the new segment will not have, or that its sources have not', () => {
    expect(choose([merged(false, { rowCount: 50n })], sources, [1n, 2n])).toEqual([11n]);
    const scanned = sources.map(({ id, compactedTo }) => segment(id, { compactedTo }, false));
    expect(choose([merged(false)], scanned, [1n, 2n])).toEqual([11n]);
  });

  it('does not load a source for it, and does without one whose files are gone', () => {
    expect(choose([merged(false)], sources, [1n])).toEqual([11n]);
    expect(choose([merged(false)], sources.slice(1), [1n, 2n])).toEqual([11n]);
  });

  it('never has a row twice or not at all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean(), fc.boolean()), { maxLength: 12 }),
        (steps) => {
          // Rows by segment; each step makes one or two segments of one or two.
          const rows = new Map<bigint, Set<number>>();
          let flushed: SegmentRecord[] = [];
          const replaced: SegmentRecord[] = [];
          const add = (
            id: number,
            own: Iterable<number>,
            isIndexed: boolean,
            compactedFrom: bigint[],
          ): void => {
            rows.set(BigInt(id), new Set(own));
            flushed.push(
              segment(
                BigInt(id),
                { compactedFrom, rowCount: BigInt(rows.get(BigInt(id))?.size ?? 0) },
                isIndexed,
              ),
            );
          };
          for (let id = 0; id < 6; id++) add(id, [id * 10, id * 10 + 1, id * 10 + 2], true, []);
          let nextId = 100;
          // What was served at some time, but for one that did not come.
          let served = flushed.map(({ id }) => id);
          for (const [a, b, isSplit, isIndexed] of steps) {
            const taken = [...new Set([flushed[a % flushed.length], flushed[b % flushed.length]])].flatMap(
              (one) => one ?? [],
            );
            const own = taken.flatMap(({ id }) => [...(rows.get(id) ?? [])]);
            if (a % 5 === 0) served = flushed.map(({ id }) => id);
            const targets = isSplit ? [nextId++, nextId++] : [nextId++];
            flushed = flushed.filter((one) => !taken.includes(one));
            replaced.push(...taken.map((one) => ({ ...one, compactedTo: targets.map(BigInt) })));
            for (const [at, id] of targets.entries())
              add(
                id,
                own.filter((_, row) => row % targets.length === at),
                isIndexed,
                taken.map(({ id: from }) => from),
              );
          }
          served = served.filter((id) => Number(id) % 9 !== 7);
          const chosen = choose(flushed, replaced, served).flatMap((id) => [...(rows.get(id) ?? [])]);
          expect(chosen.sort((x, y) => x - y)).toEqual(
            Array.from({ length: 18 }, (_, at) => Math.floor(at / 3) * 10 + (at % 3)),
          );
        },
      ),
    );
  });
});
