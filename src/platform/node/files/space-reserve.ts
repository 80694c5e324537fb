// A file of one mebibyte beside the data, for the day on which the disk is full: what an opening writes before anything can be read or dropped
// (the lock, a term of the catalog, the head of each log) takes its place. Its bytes mean nothing, and whoever removes it loses nothing.
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf } from '#base/errors.js';
import type { Logger } from '#platform/logger.js';
import type { Timers } from '#platform/time.js';

export const RESERVE_FILE = 'RESERVE';
export const RESERVE_BYTES = 1 << 20;
/** It is made while the disk has plenty, not at the expense of rows. */
const PLENTY_BYTES = 64 * RESERVE_BYTES;
/** A program that opens and closes at once writes no reserve. */
const KEEP_AFTER_MS = 60_000;

/** Bytes that this user may still write. Undefined: the system does not say. */
type FreeBytes = (folder: string) => Promise<number | undefined>;

const freeBytes: FreeBytes = async (folder) => {
  try {
    const { bavail, bsize } = await fs.statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
};

/** Takes something in the folder, which may need blocks; on a full disk once more in the place of the reserve. @throws what `take` throws */
export async function takeWithReserve<T>(
  folder: string,
  take: () => Promise<T>,
  onGivenUp: () => void,
): Promise<T> {
  try {
    return await take();
  } catch (error) {
    if (!isDiskFull(error) || !(await giveUpReserve(folder))) throw error;
    onGivenUp();
    return take();
  }
}

/** For whoever has the folder: less than a reserve is free, so what comes next would fail. @returns whether it was given up */
export async function makeRoom(folder: string, free: FreeBytes = freeBytes): Promise<boolean> {
  const bytes = await free(folder);
  return bytes !== undefined && bytes < RESERVE_BYTES && (await giveUpReserve(folder));
}

/** Makes the reserve, now and then, where it is missing and the disk has plenty. */
export function keepReserve(
  folder: string,
  { logger, timers }: { readonly logger: Pick<Logger, 'warn'>; readonly timers: Timers },
  free: FreeBytes = freeBytes,
): { close(): Promise<void> } {
  let isClosed = false;
  let making: Promise<void> = Promise.resolve();
  const make = async (): Promise<void> => {
    if (!isClosed && !(await isThere(folder)) && ((await free(folder)) ?? 0) >= PLENTY_BYTES)
      await makeReserve(folder);
  };
  const later = () =>
    timers.after(KEEP_AFTER_MS, () => {
      making = make().catch((error: unknown) =>
        logger.warn('space_reserve_failed', { reason: messageOf(error) }),
      );
      timer = later();
    });
  let timer = later();
  return {
    async close() {
      isClosed = true;
      timer.cancel();
      await making;
    },
  };
}

async function makeReserve(folder: string): Promise<void> {
  const staged = path.join(folder, `.tmp-${RESERVE_FILE}-${process.pid}`);
  try {
    // Zeros would take no blocks where the file system packs them.
    await fs.writeFile(staged, randomBytes(RESERVE_BYTES));
    await fs.rename(staged, path.join(folder, RESERVE_FILE));
  } catch (error) {
    await fs.rm(staged, { force: true });
    throw error;
  }
}

const isThere = (folder: string): Promise<boolean> =>
  fs.stat(path.join(folder, RESERVE_FILE)).then(
    ({ size }) => size >= RESERVE_BYTES,
    () => false,
  );

const giveUpReserve = (folder: string): Promise<boolean> =>
  fs.rm(path.join(folder, RESERVE_FILE)).then(
    () => true,
    () => false,
  );

/** The disk, or what this user may have of it. */
function isDiskFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  }
  return false;
}
