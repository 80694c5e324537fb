// Closing while an index is built, in virtual time: a machine that is busy with other things makes a step of the build take seconds.
import { describe, expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import { defaultConfig } from '#server/config.js';
import { startNode } from '#server/node.js';
import { SimClient } from '../../sim/client.js';

const spec = { name: 'c', shards: 1, metric: 'L2', partitions: 'none' } as const;
const index = { type: 'IVF_FLAT', params: { nlist: '2' }, hasExactScores: true, isExact: false };
const rows = (begin: number) => Array.from({ length: 40 }, (_, at) => ({ key: begin + at, version: 1 }));

/** A process whose index files take `writeMs` to be written. */
async function startBuilding(writeMs: number) {
  const cluster = simulatedCluster(1);
  const { world, network } = cluster;
  const memory = openMemoryPlatform({ cluster, host: 'node' });
  const begun = deferred<void>();
  const keys: string[] = [];
  const store = memory.objectStore;
  const objectStore: Platform['objectStore'] = {
    put: async (key, parts, options) => {
      if (key.startsWith('index_files/')) {
        keys.push(key);
        begun.resolve();
        await world.timers.sleep(writeMs);
      }
      return store.put(key, parts, options);
    },
    get: (key) => store.get(key),
    getRange: (key, begin, end) => store.getRange(key, begin, end),
    readInto: (key, begin, parts) => store.readInto(key, begin, parts),
    size: (key) => store.size(key),
    openRead: (key) => store.openRead(key),
    list: (prefix) => store.list(prefix),
    remove: (key) => store.remove(key),
  };
  const config = { ...defaultConfig, host: 'node', port: 1, indexRowsMin: 10 };
  const node = await world.runUntil(startNode({ ...memory, objectStore }, config));
  const client = new SimClient(network, 'node:1');
  await world.runUntil(
    (async () => {
      await client.create(spec);
      await client.createIndex(spec, index);
      await client.load(spec.name);
      await client.insert(spec, '', rows(0), false);
      await client.flush(spec.name);
      await begun.promise;
      // Grows until it is written at the close.
      await client.insert(spec, '', rows(100), false);
    })(),
  );
  return { world, node, keys };
}

describe('close() during a build', () => {
  test('waits for a step that takes seconds', async () => {
    const { world, node } = await startBuilding(4000);
    await world.runUntil(node.close({ flush: true }));
  });
  test('leaves the index of what it writes to files to the next start', async () => {
    const { world, node, keys } = await startBuilding(20);
    await world.advance(1000);
    await world.runUntil(node.close({ flush: true }));
    expect(keys).toHaveLength(1);
  });
  test('says what it waited for when that takes too long', async () => {
    const { world, node } = await startBuilding(600_000);
    await expect(world.runUntil(node.close({ flush: true }))).rejects.toThrow(
      /root-coord did not end within 10000 ms: it waits for the build of index vec over the 40 rows of segment \d+/,
    );
  });
});
