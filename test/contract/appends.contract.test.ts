// What an append that fails does to the handle, whoever appends.
import { mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppendTasks } from '#platform/node/files/append-tasks.js';
import { AppendThread, NodeAppendFile } from '#platform/node/files/append-thread.js';
import { AppendsByNeed } from '#platform/node/files/appends-by-need.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'elanus-files-'));
});

afterEach(() => rm(root, { recursive: true }));

test.each([
  ['thread', () => new AppendThread()],
  ['thread from the second on', () => new AppendsByNeed({ appendsMax: 1 })],
  ['tasks', () => new AppendTasks()],
])('a failed append poisons the handle and no other (%s)', async (_name, make) => {
  await writeFile(path.join(root, 'read-only'), bytes(1));
  const thread = make();
  // Every write to a descriptor opened for reading fails.
  const broken = new NodeAppendFile(
    await openFile(path.join(root, 'read-only'), 'r'),
    1,
    thread,
    'read-only',
  );
  const good = new NodeAppendFile(await openFile(path.join(root, 'good'), 'a'), 0, thread, 'good');
  const all = await Promise.allSettled([
    broken.append([bytes(1)]),
    good.append([bytes(2)]),
    broken.append([bytes(3)]),
  ]);
  expect(all.map((one) => one.status)).toEqual(['rejected', 'fulfilled', 'rejected']);
  await expect(broken.append([])).rejects.toMatchObject({ key: 'wal_unavailable' });
  expect(broken.size).toBe(1);
  await good.append([bytes(1)]);
  await good.close();
  await broken.close();
  await thread.close();
  expect([...(await readFile(path.join(root, 'good')))]).toEqual([2, 1]);
});
