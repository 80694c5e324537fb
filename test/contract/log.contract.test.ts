// The contract of logs, for those in files: on the simulated disk and on a real one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach } from 'vitest';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { fileLogs } from '#wal/file-logs.js';
import { logContract } from './log-contract.js';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

logContract('files in memory', async () => {
  const platform = openMemoryPlatform({
    cluster: simulatedCluster(1),
    host: 'stream',
    disk: new MemoryFiles(),
  });
  return { connect: () => fileLogs(platform) };
});

logContract('real files', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'elanus-logs-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const platform = await openNodePlatform({ dataFolder: path.join(folder, 'data'), logLevel: 'silent' });
  cleanups.push(() => platform.close());
  return { connect: () => fileLogs(platform) };
});
