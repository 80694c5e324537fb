// Pages of a scan or a search are of the time at which they began, whoever wrote before it: also others, and long after the client itself.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#client/client.js';
import { collection, floatVector, int64 } from '#client/connect.js';
import { type Elanus, open } from '#server/open.js';

const shelf = collection('pages', {
  id: int64().primaryKey(),
  v: floatVector(2).index({ type: 'FLAT', metric: 'L2' }),
});
let elanus: Elanus;
let writer: Client;
let other: Client;

beforeAll(async () => {
  elanus = await open(undefined, { listen: false, logLevel: 'error' });
  writer = elanus.client();
  other = elanus.client();
  await writer.collection(shelf).ensure();
  await writer.collection(shelf).insert([{ id: 1n, v: [1, 0] }]);
  await other.collection(shelf).insert([
    { id: 2n, v: [2, 0] },
    { id: 3n, v: [3, 0] },
  ]);
});
afterAll(async () => {
  await writer.close();
  await other.close();
  await elanus.close();
});

test.each([undefined, 'session', 'strong', 'bounded', 'eventually'] as const)(
  'a scan and pages of a search see what others wrote since the last own write (%s)',
  async (level) => {
    const consistency = level === undefined ? {} : { consistency: level };
    const rows = writer.collection(shelf);
    const scanned: bigint[] = [];
    let isFirst = true;
    for await (const { id } of rows.scan({ batch: 1, ...consistency })) {
      scanned.push(id);
      // What comes later is not of the time at which it began.
      if (isFirst) await other.collection(shelf).insert([{ id: 9n, v: [9, 0] }]);
      isFirst = false;
    }
    expect(scanned).toEqual([1n, 2n, 3n]);
    await other.collection(shelf).delete([9n]);
    const found: bigint[] = [];
    for await (const page of rows.searchPages('v', [0, 0], { batch: 1, ...consistency }))
      found.push(...page.ids);
    expect(found).toEqual([1n, 2n, 3n]);
  },
);
