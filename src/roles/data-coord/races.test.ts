// Everything that changes what data-coord knows, against everything that may come in between: a rival at each step of the meta store and
// of the object store, and a crash there. What is there in the end is one of the legal outcomes, and every object is named.

import { describe, expect, it } from 'vitest';
import { IndexFileRecord, type SegmentRecord } from '#proto/elanus/data.js';
import type { AcquireChannelsResponse } from '#proto/elanus/roles.js';
import {
  acquire,
  COLLECTION,
  commit,
  fresh,
  type Life,
  live,
  PARTITION,
  ROWS,
  settle,
  stateOf,
  strays,
  task,
  watch,
  written,
} from '../../../test/support/data-coord-lives.js';

describe('owners', () => {
  it.each(['one process', 'two processes'])(
    'a stale owner commits before the channels change hands or not at all (%s)',
    async (mode) => {
      for (let at = 1; at <= 4; at++) {
        const { cluster, counters } = fresh();
        const rival: { take?: () => Promise<unknown> } = {};
        let isArmed = false;
        const first = await live(cluster, counters, (step) => {
          if (isArmed && step % 4 === at % 4) {
            isArmed = false;
            void rival.take?.();
          }
        });
        await watch(first);
        const epoch = (await acquire(first))[0]?.channel?.epoch ?? 0n;
        const other = mode === 'one process' ? first : await live(cluster, counters, () => {}, 'dc2');
        const taken: { answer?: Promise<AcquireChannelsResponse> } = {};
        rival.take = () => {
          const answer = other.registry.acquireChannels({ serverId: 10n });
          taken.answer = answer;
          return answer;
        };
        const segment = await first.run(written(first));
        isArmed = true;
        const stale = await first.run(commit(first, epoch, [segment]));
        isArmed = false;
        const [next] = (await first.run(taken.answer ?? other.registry.acquireChannels({ serverId: 10n })))
          .channels;
        const end = await live(cluster, counters, () => {}, 'dc3');
        const { segments, channels } = await stateOf(end);
        const isIn = stale === 'taken';
        expect(isIn || stale === 'channel_moved').toBe(true);
        expect(next?.channel?.checkpointLsn).toBe(isIn ? 50n : 0n);
        expect(segments.map(({ id }) => id)).toEqual(isIn ? [segment.id] : []);
        expect(channels).toMatchObject([
          { epoch: next?.channel?.epoch, ownerServerId: 10n, checkpointLsn: isIn ? 50n : 0n },
        ]);
        expect(await end.run(commit(end, epoch, [], 60n))).toBe('channel_moved');
        expect(await end.run(commit(end, next?.channel?.epoch ?? 0n, [], 60n))).toBe('taken');
      }
    },
  );
  it('never get an epoch twice, whatever collections exist, and get one above what their logs carry', async () => {
    const { cluster, counters } = fresh();
    let life = await live(cluster, counters);
    let newest = 0n;
    const seen: bigint[] = [];
    for (let round = 0; round < 12; round++) {
      const id = BigInt(100 + round);
      await watch(life, id, `by-dev-rootcoord-dml_0_${id}v0`);
      const owned =
        (await life.run(life.registry.listSegments({ collectionId: id }))).channels[0]?.epoch ?? 0n;
      expect(owned).toBeGreaterThanOrEqual(newest);
      if (round % 3 === 0) {
        life.platform.crash();
        life = await live(cluster, counters);
      }
      const logEpoch = round === 7 ? 1000n : 0n;
      const [first] = await acquire(life, logEpoch);
      const epoch = first?.channel?.epoch ?? 0n;
      expect(epoch).toBeGreaterThan(newest);
      expect(epoch).toBeGreaterThan(logEpoch);
      newest = epoch;
      seen.push(epoch);
      // The last collection goes, and with it every channel.
      await life.run(life.registry.dropCollectionData({ collectionId: id, partitionId: -1n }));
    }
    expect(new Set(seen).size).toBe(seen.length);
  });
  it('a channel that comes while a node takes over is not left under the old epoch', async () => {
    for (let at = 1; at <= 3; at++) {
      const { cluster, counters } = fresh();
      const other = await live(cluster, counters, () => {}, 'dc2');
      let isArmed = false;
      const first = await live(cluster, counters, async () => {
        if (!isArmed) return;
        isArmed = false;
        for (let times = 0; times < at; times++) await other.registry.acquireChannels({ serverId: 10n });
      });
      await acquire(first);
      isArmed = true;
      await watch(first);
      const end = await live(cluster, counters, () => {}, 'dc3');
      expect((await stateOf(end)).channels[0]?.epoch).toBe(BigInt(2 + at));
    }
  });
});

describe('a dropped partition', () => {
  it('is not brought back by a flush or an index that comes at any step of the drop', async () => {
    for (let at = 1; at <= 8; at++) {
      const { cluster, counters } = fresh();
      let isArmed = false;
      let steps = 0;
      const late: Promise<unknown>[] = [];
      const context: { life?: Life; epoch: bigint; flush?: SegmentRecord; old?: SegmentRecord } = {
        epoch: 0n,
      };
      const life = await live(cluster, counters, () => {
        if (!isArmed || ++steps !== at) return;
        isArmed = false;
        const { life: self, flush, old, epoch } = context;
        if (self === undefined || flush === undefined || old === undefined) return;
        late.push(commit(self, epoch, [flush], 80n));
        const index = IndexFileRecord.fromPartial({
          indexId: 3n,
          buildId: 5n,
          key: `index_files/5/1/${PARTITION}/${old.id}/FLAT`,
          state: 'finished',
        });
        late.push(
          self.platform.objectStore
            .put(index.key, [new Uint8Array(3)])
            .then(() => self.registry.saveIndexFile({ segmentId: old.id, index }))
            .catch(() => {}),
        );
      });
      await watch(life);
      context.life = life;
      context.epoch = (await acquire(life))[0]?.channel?.epoch ?? 0n;
      context.old = await life.run(written(life));
      await life.run(commit(life, context.epoch, [context.old]));
      const kept = await life.run(written(life, 71n));
      await life.run(commit(life, context.epoch, [kept], 60n));
      context.flush = await life.run(written(life));
      isArmed = true;
      await life.run(life.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: PARTITION }));
      await life.run(Promise.all(late));
      expect((await stateOf(life)).segments.map(({ id }) => id)).toEqual([kept.id]);
      // The flush's own files: its writer removes them, or the next start does.
      life.platform.crash();
      const next = await live(cluster, counters);
      await acquire(next);
      next.dataCoord.start();
      await settle(cluster);
      expect(await strays(next)).toEqual([]);
    }
  });
});

describe('an import', () => {
  /** Runs an import, and what comes in between at step `at`; says whether that step came. */
  async function importing(at: number, rival: (life: Life) => Promise<unknown>) {
    const { cluster, counters } = fresh();
    let isArmed = false;
    let steps = 0;
    let rivals: Promise<unknown> | undefined;
    const context: { life?: Life } = {};
    const life = await live(cluster, counters, () => {
      if (!isArmed || ++steps !== at || context.life === undefined) return;
      isArmed = false;
      rivals = rival(context.life).catch(() => {});
    });
    context.life = life;
    await life.run(life.platform.objectStore.put('up/a.jsonl', [new TextEncoder().encode(ROWS)]));
    await watch(life);
    await acquire(life);
    life.dataCoord.start();
    await cluster.world.advance(100);
    isArmed = true;
    await life.run(life.calls.import(task)).catch(() => {});
    await settle(cluster);
    await rivals;
    return { cluster, counters, life, came: rivals !== undefined };
  }
  it.each([
    ['partition', PARTITION],
    ['collection', -1n],
  ])(
    'and the drop of its %s at any step: it fails and says so, or its rows go with the drop; no file is left',
    async (what, partitionId) => {
      let failed = 0;
      for (let at = 1; at < 100; at++) {
        const { life, came } = await importing(at, ({ registry }) =>
          registry.dropCollectionData({ collectionId: COLLECTION, partitionId }),
        );
        if (!came) break;
        const { job, segments } = await stateOf(life);
        expect(segments).toEqual([]);
        expect(await strays(life)).toEqual([]);
        // Refused at once, when it came after the drop.
        if (job === undefined) continue;
        expect(['failed', 'completed']).toContain(job.state);
        if (job.state === 'failed') {
          failed++;
          expect(job.reason).toMatch(new RegExp(`${what} .*was dropped`));
        }
      }
      expect(failed).toBeGreaterThan(5);
    },
  );
  it.each([
    ['nothing else', undefined],
    ['the drop of its partition, asked for again', PARTITION],
    ['the drop of its collection, asked for again', -1n],
  ])('killed at any step, with %s: whole or not at all, and no file is left', async (_, partitionId) => {
    let lives = 0;
    for (let at = 1; at < 100; at++) {
      const { cluster, counters, life, came } = await importing(at, async (dying) => {
        if (partitionId !== undefined)
          void dying.registry.dropCollectionData({ collectionId: COLLECTION, partitionId }).catch(() => {});
        // A few steps into the drop, wherever that is.
        for (let turn = 0; turn < at % 7; turn++) await Promise.resolve();
        dying.platform.crash();
      });
      if (!came) break;
      lives++;
      life.platform.crash();
      const next = await live(cluster, counters);
      await acquire(next);
      next.dataCoord.start();
      if (partitionId !== undefined)
        await next.run(next.registry.dropCollectionData({ collectionId: COLLECTION, partitionId }));
      await settle(cluster);
      const { job, segments } = await stateOf(next);
      const rows = segments.reduce((sum, { rowCount }) => sum + rowCount, 0n);
      if (partitionId === undefined) expect([0n, 20n]).toContain(rows);
      else expect(rows).toBe(0n);
      if (job !== undefined && partitionId === undefined)
        expect([job.state, rows]).toEqual(['completed', 20n]);
      expect(job === undefined || ['completed', 'failed'].includes(job.state)).toBe(true);
      expect(await strays(next)).toEqual([]);
    }
    expect(lives).toBeGreaterThan(6);
  });
});
