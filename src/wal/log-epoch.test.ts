// The newest epoch of a folder of logs, as a node reports it when it takes over.
import { expect, it } from 'vitest';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { openFileLog } from './file-log.js';
import { newestLogEpoch } from './log-epoch.js';

it('is that of the newest writer of any log; other files and damaged headers do not count', async () => {
  const cluster = simulatedCluster(4);
  const platform = openMemoryPlatform({ cluster, host: 'n' });
  const run = <T>(work: Promise<T>): Promise<T> => cluster.world.runUntil(work);
  expect(await run(newestLogEpoch(platform, 'wal'))).toBe(0n);
  for (const [folder, epoch] of [
    ['wal/a', 3n],
    ['wal/b', 9n],
    ['wal/c', 5n],
  ] as const) {
    const log = await run(openFileLog(platform, { folder, epoch, fileBytesMax: 1 << 20 }));
    await run(log.append([new Uint8Array(3)]));
    await run(log.close());
  }
  await run(platform.files.write('wal/c/ffffffffffffffff.log', [new Uint8Array(32).fill(7)]));
  await run(platform.files.write('wal/c/notes.txt', [new Uint8Array(32)]));
  await run(platform.files.write('wal/d/0000000000000001.log', [new Uint8Array(5)]));
  expect(await run(newestLogEpoch(platform, 'wal'))).toBe(9n);
});
