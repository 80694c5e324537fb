// Ids in ranges never meet, whoever waits for a range at the same time.
import { expect, it } from 'vitest';
import { LeasedIds } from './leased-ids.js';

it('never gives an id twice: callers at once, larger than a range, over two nodes and a restart', async () => {
  let next = 1n;
  const waiting: (() => void)[] = [];
  const rootCoord = {
    allocID: async ({ count = 0 }: { readonly count?: number | undefined }) => {
      const ID = next;
      next += BigInt(count);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { status: undefined, ID, count };
    },
  };
  const seen = new Set<bigint>();
  const take = async (ids: LeasedIds, count: number): Promise<void> => {
    const first = await ids.allocate(count);
    for (let id = first; id < first + BigInt(count); id++) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
  };
  const counts = [1, 1000, 5000, 24, 1, 1024, 1025, 7];
  for (let life = 0; life < 2; life++) {
    const nodes = [new LeasedIds(rootCoord), new LeasedIds(rootCoord)];
    let isTaking = true;
    const taking = Promise.all(nodes.flatMap((ids) => counts.map((count) => take(ids, count)))).finally(
      () => {
        isTaking = false;
      },
    );
    // Answers come in the order in which chance would have them: the last asked first.
    while (isTaking) {
      waiting.pop()?.();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await taking;
  }
  expect(seen.size).toBe(4 * counts.reduce((sum, count) => sum + count, 0));
});
