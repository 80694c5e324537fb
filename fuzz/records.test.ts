// Bytes that our own processes and stores give back: catalog records and search answers. Damage is reported, and nothing is read past it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { idKey, recordTable } from '#catalog/record-table.js';
import { columnFromInt64, columnFromStrings, keyAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { CollectionRecord, SegmentRecord } from '#proto/elanus/data.js';
import { ShardSearchResponse } from '#proto/elanus/roles.js';
import { decodeHits, encodeHits, type Hits } from '#segment/search/hits.js';
import { mergeHits } from '#segment/search/merge-hits.js';
import { damageArbitrary, int64s, nearly } from './arbitraries.js';
import { damaged, SEED, typedOrResult } from './invariant.js';

const segmentArbitrary = fc.record({
  id: int64s,
  collectionId: int64s,
  rowCount: int64s,
  state: fc.string(),
  vchannel: fc.string(),
  isLevelZero: fc.boolean(),
});

describe('catalog records', () => {
  it('come back as they were', async () => {
    await fc.assert(
      fc.asyncProperty(segmentArbitrary, async (facts) => {
        const store = new MemoryMetaStore();
        const table = recordTable(store, 's/', SegmentRecord);
        const record = SegmentRecord.fromPartial(facts);
        await store.transact([], [table.put(idKey(record.id), record)]);
        expect(await table.get(idKey(record.id))).toEqual(record);
        expect(await table.list()).toEqual([record]);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
  it('damaged, are typed errors that name the key, or records', async () => {
    const store = new MemoryMetaStore();
    const table = recordTable(store, 'c/', CollectionRecord);
    const valid = segmentArbitrary.map((facts) =>
      CollectionRecord.encode(
        CollectionRecord.fromPartial({
          id: facts.id,
          state: facts.state,
          vchannels: [facts.vchannel],
          schema: { name: facts.vchannel, fields: [{ fieldID: facts.id }] },
        }),
      ).finish(),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(nearly(valid), async (value) => {
        await store.transact([], [{ kind: 'put', key: 'c/x', value }]);
        const failure = await table.list().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) return;
        refused++;
        expect(failure).toBeInstanceOf(ElanusError);
        expect(failure).toMatchObject({ key: 'data_corrupt', message: expect.stringContaining('c/x') });
      }),
      { seed: SEED, numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
  it('keys of ids keep the order of ids', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
        fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
        (a, b) => {
          expect(idKey(a) < idKey(b)).toBe(a < b);
        },
      ),
      { seed: SEED },
    );
  });
});

const hitsArbitrary = fc
  .record({
    counts: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }),
    isText: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ counts, isText, seed }): Hits => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const at = Array.from({ length: total }, (_, index) => (index * 7 + seed) % 11);
    return {
      counts: Uint32Array.from(counts),
      scores: Float32Array.from(at, (value) => value / 4),
      segmentIds: BigInt64Array.from(at, BigInt),
      rows: Uint32Array.from(at),
      keys: isText
        ? columnFromStrings(
            100n,
            DataType.VarChar,
            at.map((value) => `é${value}`),
          )
        : columnFromInt64(100n, at.map(BigInt)),
      timestamps: BigUint64Array.from(at, (value) => BigInt(value) << 40n),
    };
  });
const wireOf = (hits: Hits): Uint8Array =>
  ShardSearchResponse.encode(ShardSearchResponse.fromPartial(encodeHits(hits, 9n))).finish();

describe('hits', () => {
  it('come back over the wire as they were', () => {
    fc.assert(
      fc.property(hitsArbitrary, (hits) => {
        expect(decodeHits(ShardSearchResponse.decode(wireOf(hits)))).toEqual(hits);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
  it('of parts that do not fit are refused, else readable to the end', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        hitsArbitrary,
        fc.constantFrom('counts', 'scores', 'segmentIds', 'rows', 'timestamps', 'keys', 'keyOffsets'),
        damageArbitrary,
        (hits, part, damage) => {
          const response = ShardSearchResponse.decode(wireOf(hits));
          if (part === 'keys' || part === 'keyOffsets') {
            if (response.keys === undefined) return;
            if (part === 'keys') response.keys.data = damaged(response.keys.data, damage);
            else response.keys.offsets = damaged(response.keys.offsets, damage);
          } else response[part] = damaged(response[part], damage);
          let decoded: Hits;
          try {
            decoded = decodeHits(response);
          } catch (error) {
            refused++;
            expect(error).toMatchObject({
              name: 'ElanusError',
              key: 'internal',
              message: expect.stringContaining('search answer'),
            });
            return;
          }
          for (let at = 0; at < decoded.scores.length; at++) expect(keyAt(decoded.keys, at)).toBeDefined();
          const merged = typedOrResult(() =>
            mergeHits([decoded], decoded.counts.length, 3, true, {
              fieldId: 100n,
              dataType: decoded.keys.dataType,
            }),
          );
          expect(merged?.counts.every((count) => count <= 3)).toBe(true);
        },
      ),
      { seed: SEED, numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
