import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CandidatePool } from './candidate-pool.js';
import { NodeSet } from './node-set.js';

test('a pool keeps the nearest, and gives the nearest that was not taken', () => {
  const keys = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      keys,
      fc.array(fc.boolean(), { maxLength: 60 }),
      (capacity, offered, takes) => {
        const pool = new CandidatePool(capacity);
        let model: { key: number; node: number; isTaken: boolean }[] = [];
        for (const [node, key] of offered.entries()) {
          expect(pool.isFull(key) && model.some((one) => one.key > key)).toBe(false);
          pool.offer(key, node);
          model = [...model, { key, node, isTaken: false }]
            .sort((a, b) => a.key - b.key || a.node - b.node)
            .slice(0, capacity);
          expect([...pool.nodes()]).toEqual(model.map((one) => one.node));
          if (takes[node] !== true) continue;
          const wanted = model.find((one) => !one.isTaken);
          expect(pool.next()).toBe(wanted?.node);
          if (wanted !== undefined) wanted.isTaken = true;
        }
        expect(pool.size).toBe(model.length);
        for (const one of model.filter(({ isTaken }) => !isTaken)) expect(pool.next()).toBe(one.node);
        expect(pool.next()).toBeUndefined();
      },
    ),
  );
});

test('a set of nodes is a set, grows, and is empty again', () => {
  const set = new NodeSet();
  for (const count of [10, 100_000, 500]) {
    const model = new Set<number>();
    for (let i = 0; i < count; i++) {
      const node = (Math.imul(i, 2654435761) >>> 0) % (count * 2);
      expect(set.add(node)).toBe(!model.has(node));
      model.add(node);
    }
    expect(set.size).toBe(model.size);
    expect(set.isSmall).toBe(count === 10);
    set.clear();
    expect(set.size).toBe(0);
  }
});
