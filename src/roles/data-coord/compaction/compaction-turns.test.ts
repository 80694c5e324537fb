// A compaction has one turn, whenever it was asked for.
import { expect, test } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import type { CompactionJob } from '#model/states/compaction-job.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { CompactionJobs, type CompactionJobsParts } from './compaction-jobs.js';

test('one that was asked for before the others are taken up has its turn once', async () => {
  const cluster = simulatedCluster(4);
  const job = { collectionId: 7n, state: 'waiting', plans: [] } as unknown as CompactionJob;
  const compactions = new Map([[1n, { ...job, id: 1n }]]);
  const parts = {
    platform: openMemoryPlatform({ cluster, host: 'here' }),
    catalog: {
      compactions,
      save: async (changed: { readonly compactions: readonly CompactionJob[] }) => {
        for (const one of changed.compactions) compactions.set(one.id, one);
      },
    },
    locks: { change: (_: bigint, change: () => Promise<void>) => change() },
    closing: neverAborted,
    collection: async () => ({
      timestamp: 1n,
      plans: () => [],
      kept: () => [{ journaled: { state: 'waiting', sources: [5n] } }],
    }),
    onReady: () => {},
  } as unknown as CompactionJobsParts;
  const jobs = new CompactionJobs(parts);
  const wanted = { collectionId: 7n, partitionId: 0n, vchannel: '', targetBytes: 0n };
  await jobs.add(2n, { ...wanted, major: false, segmentIds: [], deletesOnly: false });
  jobs.resume();
  expect(jobs.waiting.map(({ id }) => id)).toEqual([2n, 1n]);
});
