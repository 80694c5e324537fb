import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { keepReserve, makeRoom, RESERVE_BYTES, RESERVE_FILE, takeWithReserve } from './space-reserve.js';

let folder: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'elanus-reserve-'));
});
afterEach(() => fs.rm(folder, { recursive: true }));

const file = () => path.join(folder, RESERVE_FILE);
const isThere = () =>
  fs.stat(file()).then(
    ({ size }) => size === RESERVE_BYTES,
    () => false,
  );
const full = (code = 'ENOSPC') =>
  new ElanusError('io_failed', 'lock: no space', { cause: Object.assign(new Error(code), { code }) });
const logger = { warn: () => {} };

/** Runs what was planned when it is asked to. */
function timersByHand() {
  const planned = new Set<() => void>();
  return {
    ring: () => {
      const now = [...planned];
      planned.clear();
      for (const run of now) run();
    },
    planned,
    timers: {
      after: (_: number, run: () => void) => {
        planned.add(run);
        return { cancel: () => void planned.delete(run) };
      },
      sleep: () => Promise.reject(new Error('nobody sleeps')),
      yield: () => Promise.resolve(),
    },
  };
}

async function kept(free: number | undefined): Promise<boolean> {
  const { ring, planned, timers } = timersByHand();
  const reserve = keepReserve(folder, { logger, timers }, async () => free);
  expect(await isThere()).toBe(false);
  ring();
  await reserve.close();
  expect(planned.size).toBe(0);
  return isThere();
}

it('is made later, and only while the disk has plenty', async () => {
  expect(await kept(undefined)).toBe(false);
  expect(await kept(63 << 20)).toBe(false);
  expect(await kept(64 << 20)).toBe(true);
  expect(await fs.readdir(folder)).toEqual([RESERVE_FILE]);
});

it('gives its place to what finds the disk full, once', async () => {
  await kept(1 << 30);
  const seen: boolean[] = [];
  const take = async () => {
    seen.push(await isThere());
    if (seen.length === 1) throw full('EDQUOT');
    return 'taken';
  };
  let given = 0;
  const onGivenUp = (): void => void given++;
  expect(await takeWithReserve(folder, take, onGivenUp)).toBe('taken');
  expect(given).toBe(1);
  expect(seen).toEqual([true, false]);
  await expect(takeWithReserve(folder, () => Promise.reject(full()), onGivenUp)).rejects.toThrow('no space');
});

it('stays when something else fails', async () => {
  await kept(1 << 30);
  await expect(
    takeWithReserve(folder, () => Promise.reject(full('EACCES')), expect.unreachable),
  ).rejects.toThrow('no space');
  expect(await makeRoom(folder, async () => undefined)).toBe(false);
  expect(await makeRoom(folder, async () => RESERVE_BYTES)).toBe(false);
  expect(await isThere()).toBe(true);
  expect(await makeRoom(folder, async () => RESERVE_BYTES - 1)).toBe(true);
  expect(await isThere()).toBe(false);
});
