// Writes in the process and over gRPC lie in memory that the next write gets: what was written stays as it was, in memory, in files and in the log.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  collection,
  connect,
  double,
  float16Vector,
  floatVector,
  int8Vector,
  int64,
  varchar,
} from '#client/connect.js';
import { open } from '#server/open.js';

const ROWS = 9000;
const DIM = 8;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elanus-request-memory-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const rows = collection('rows', {
  id: int64().primaryKey(),
  d: double(),
  maybe: double().nullable(),
  text: varchar(40),
  v: floatVector(DIM),
  h: float16Vector(DIM),
  i: int8Vector(DIM),
});

const at = (seed: number, row: number): number => ((seed * 7919 + row * 31) % 1000) / 8;

/** Every field of so many bytes that it lies in memory that is used again. */
function batch(seed: number) {
  const numbers = Array.from({ length: ROWS }, (_, row) => row);
  const vectors = Float32Array.from({ length: ROWS * DIM }, (_, i) => at(seed, i));
  return {
    id: BigInt64Array.from(numbers, (row) => BigInt(seed * 1e12) + BigInt(row)),
    d: Float64Array.from(numbers, (row) => at(seed, row)),
    maybe: numbers.map((row) => (row % 3 === 0 ? null : at(seed, row + 1))),
    text: numbers.map((row) => `text ${seed} ${row}`),
    v: vectors,
    h: Uint16Array.from({ length: ROWS * DIM }, (_, i) => (seed * 13 + i) & 0x3bff),
    i: Int8Array.from({ length: ROWS * DIM }, (_, i) => seed + i),
  };
}

async function checkAll(db: Awaited<ReturnType<typeof open>>, seeds: readonly number[]): Promise<void> {
  const found = db.client().collection(rows);
  for (const seed of seeds) {
    const wanted = batch(seed);
    const ids = [0, 1, 4567, ROWS - 2, ROWS - 1].map((row) => wanted.id[row] as bigint);
    const got = await found.query({
      where: (f) => f.id.in(ids),
      output: ['d', 'maybe', 'text', 'v', 'h', 'i'],
    });
    expect(got.length).toBe(ids.length);
    for (const one of got) {
      const row = Number(one.id - BigInt(seed * 1e12));
      expect(one).toMatchObject({ d: wanted.d[row], maybe: wanted.maybe[row], text: wanted.text[row] });
      const part = <T extends { slice(begin: number, end: number): T }>(all: T) =>
        all.slice(row * DIM, row * DIM + DIM);
      expect(one.v).toEqual(part(wanted.v));
      expect(one.i).toEqual(part(wanted.i));
    }
    const sum = await found.count({
      where: (f) => f.id.ge(BigInt(seed * 1e12)).and(f.id.lt(BigInt(seed * 1e12 + ROWS))),
    });
    expect(sum).toBe(ROWS);
  }
}

test.each(['in process', 'gRPC'] as const)(
  'writes one after another, and side by side, leave each other alone (%s)',
  { timeout: 60_000 },
  async (way) => {
    const seeds = [1, 2, 3, 4, 5, 6];
    const data = join(folder, way);
    let db = await open(data, { logLevel: 'error', port: 0 });
    const client = way === 'gRPC' ? connect(db.address) : db.client();
    const shelf = client.collection(rows);
    await shelf.ensure();
    for (const seed of [1, 2]) await shelf.insert.columns(batch(seed));
    await shelf.upsert.columns(batch(2));
    await Promise.all([3, 4, 5].map((seed) => shelf.insert.columns(batch(seed))));
    await expect(
      shelf.insert.columns({ ...batch(6), v: new Float32Array(ROWS * DIM).fill(NaN) }),
    ).rejects.toThrow(/NaN|not a number/);
    await shelf.insert.columns(batch(6));
    await checkAll(db, seeds);
    await shelf.flush();
    for (const seed of [7, 8]) await shelf.insert.columns(batch(seed));
    await checkAll(db, [...seeds, 7, 8]);
    await client.close();
    await db.close();
    db = await open(data, { logLevel: 'error', listen: false });
    await db.client().collection(rows).load();
    await checkAll(db, [...seeds, 7, 8]);
    await db.close();
  },
);
