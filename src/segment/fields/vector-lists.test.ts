// Lists of vectors of a segment against arrays: whatever is appended, in whatever batches, comes out as it went in, and every vector is
// found in its row.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { bytesAt, columnFromBytes, isNull } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { VectorLists } from './vector-lists.js';

const DIM = 3;
const workers = new InlineWorkers({ timers: nodeTimers });
type List = readonly number[] | null;
const list: fc.Arbitrary<List> = fc.option(
  fc.nat(5).map((count) => Array.from({ length: count * DIM }, (_, at) => at + count / 4)),
  { nil: null },
);

it('keep what is appended', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.array(list, { maxLength: 6 }), fc.nat(3)), { maxLength: 5 }),
      (batches) => {
        const lists = new VectorLists(workers, 7n, DataType.FloatVector, DIM);
        const model: List[] = [];
        for (const batch of batches) {
          if (typeof batch === 'number') {
            lists.appendMissing(batch);
            model.push(...Array.from({ length: batch }, () => null));
            continue;
          }
          const values = batch.map((one) => (one === null ? null : bytesView(Float32Array.from(one))));
          lists.append(columnFromBytes(7n, DataType.ArrayOfVector, values), batch.length);
          model.push(...batch);
        }
        expect(lists.rowCount).toBe(model.length);
        expect(lists.elements.rowCount).toBe(model.reduce((sum, one) => sum + (one?.length ?? 0) / DIM, 0));
        const order = Uint32Array.from(model, (_, row) => model.length - 1 - row);
        const gathered = lists.gather(order);
        for (const [at, row] of order.entries()) {
          const wanted = model[row] ?? null;
          expect(isNull(gathered, at)).toBe(wanted === null);
          expect([...new Float32Array(new Uint8Array(bytesAt(gathered, at)).buffer)]).toEqual(
            (wanted ?? []).map(Math.fround),
          );
          for (let element = lists.firstOf(row); element < lists.endOf(row); element++)
            expect(lists.rowOf(element)).toBe(row);
          const isEmpty = ((lists.nullBits?.[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
          expect(isEmpty).toBe((wanted?.length ?? 0) === 0);
        }
        lists.release();
      },
    ),
    { numRuns: 60 },
  );
});
