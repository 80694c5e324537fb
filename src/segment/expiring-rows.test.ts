// Rows that expire at times of their own: hidden in every form in which rows are asked for, whatever else is hidden, and compared with a rule
// that goes row by row. Rows come while others are read, and times are asked for out of order, as pages of iterators ask.
import { afterAll, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { type ReadTime, readTimeOf } from '#base/read-time.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { hasBitAt } from './fields/row-versions.js';
import { SegmentData } from './segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const KEY = 100n;
const TIME = 101n;
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: KEY, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: TIME, name: 'until', dataType: DataType.Timestamptz, nullable: true },
  ],
});

interface Row {
  readonly key: bigint;
  readonly expires: bigint | undefined;
  readonly written: bigint;
  deleted: bigint | undefined;
}

const batchFor = (rows: readonly Row[]) =>
  batchOf(rows.length, [
    columnFromInt64(
      KEY,
      BigInt64Array.from(rows, ({ key }) => key),
    ),
    {
      ...column(
        TIME,
        DataType.Timestamptz,
        bytesView(BigInt64Array.from(rows, ({ expires = 0n }) => expires)),
      ),
      valid: Uint8Array.from(rows, ({ expires }) => (expires === undefined ? 0 : 1)),
    },
  ]);

class Model {
  readonly rows: Row[] = [];

  lives({ written, deleted, expires }: Row, at: bigint, now: bigint): boolean {
    const isExpired = expires !== undefined && expires <= now;
    return written <= at && (deleted === undefined || deleted > at) && !isExpired;
  }

  isVisible(row: Row, at: bigint, now: bigint): boolean {
    if (!this.lives(row, at, now)) return false;
    const place = this.rows.indexOf(row);
    return !this.rows.some((one, index) => index > place && one.key === row.key && this.lives(one, at, now));
  }

  delete(key: bigint, timestamp: bigint): void {
    for (const row of this.rows)
      if (row.key === key && row.written < timestamp && (row.deleted ?? timestamp) >= timestamp)
        row.deleted = timestamp;
  }
}

function compare(data: SegmentData, model: Model, at: bigint, now: bigint): void {
  const time: ReadTime = readTimeOf(at, { expiredUntil: 0n, expiryField: TIME, expiryMicros: now });
  const { rows } = model;
  const visible = rows.map((row) => model.isVisible(row, at, now));
  const living = rows.map((row) => model.lives(row, at, now));
  expect(rows.map((_, row) => data.isVisible(row, time))).toEqual(visible);
  const hidden = data.liveBitset(time).slice();
  expect(rows.map((_, row) => !hasBitAt(hidden, row))).toEqual(visible);
  const dead = data.deadBitset(time).slice();
  expect(rows.map((_, row) => !hasBitAt(dead, row))).toEqual(living);
  expect(data.liveCount(time)).toBe(living.filter(Boolean).length);
  for (let key = 0n; key < 12n; key++) {
    const place = rows.findLastIndex((row, index) => row.key === key && visible[index]);
    expect(data.find(key, time)).toBe(place < 0 ? undefined : place);
    expect(data.countOf(key, time)).toBe(
      rows.filter((row, index) => row.key === key && living[index]).length,
    );
  }
}

it('hides what has expired and nothing else, as rows come and times go back and forth', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 25; round++) {
    const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
    const model = new Model();
    let written = 10n;
    for (let step = 0; step < 12; step++) {
      written += 5n;
      const rows = Array.from({ length: 1 + nextBelow(random, 6) }, () => ({
        key: BigInt(nextBelow(random, 12)),
        expires: nextBelow(random, 4) === 0 ? undefined : BigInt(nextBelow(random, 60) - 10),
        written,
        deleted: undefined,
      }));
      data.appendBatch(batchFor(rows), written);
      model.rows.push(...rows);
      if (nextBelow(random, 3) === 0) {
        const key = BigInt(nextBelow(random, 12));
        data.applyDelete(key, written + 2n);
        model.delete(key, written + 2n);
      }
      for (let read = 0; read < 3; read++)
        compare(
          data,
          model,
          written + 3n - BigInt(nextBelow(random, 20)),
          BigInt(nextBelow(random, 70) - 15),
        );
    }
    // A read that does not ask sees them all.
    expect(data.liveCount(written + 3n)).toBe(
      model.rows.filter(({ deleted }) => deleted === undefined).length,
    );
    data.release();
  }
});

it('looks at a block again only when a row of it has come to its time', () => {
  const count = 5000;
  const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
  const model = new Model();
  for (let key = 0; key < count; key++)
    model.rows.push({ key: BigInt(key), expires: BigInt(key), written: 1n, deleted: undefined });
  data.appendBatch(batchFor(model.rows), 1n);
  for (const now of [-1n, 0n, 1023n, 1024n, 3000n, 10n, 4998n, 5000n])
    expect(data.liveCount(readTimeOf(9n, { expiredUntil: 0n, expiryField: TIME, expiryMicros: now }))).toBe(
      count - Math.min(count, Number(now) + 1),
    );
  data.release();
});

it('hides nothing where the segment has no such field', () => {
  const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
  data.appendBatch(batchFor([{ key: 1n, expires: 1n, written: 1n, deleted: undefined }]), 1n);
  expect(data.liveCount(readTimeOf(9n, { expiredUntil: 0n, expiryField: 7n, expiryMicros: 5n }))).toBe(1);
  data.release();
});
