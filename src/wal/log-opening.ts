// Opens the folder of a log: fences the owner before, reads the files newest first into one chain without holes, and separates torn ends from
// damage. Nothing is cut: what does not count stays in its file behind its end, and goes with the file when the log is truncated.
import { ElanusError } from '#base/errors.js';
import type { LogEntry } from '#platform/log.js';
import type { Platform } from '#platform/platform.js';
import { decodeFrame } from './frame.js';
import { type LogName, type OwnerName, ownerPath, parseNames, unsettledPath } from './log-names.js';
import { type Scan, type ScannedFile, scanLog } from './log-scan.js';

/** Rivals that open the same log at the same time; more than two are not expected. */
const TAKE_ATTEMPTS_MAX = 8;

export interface Owner {
  /** Epoch of the channel; not below the epoch of whoever opened the log before. */
  readonly epoch: bigint;
  /** One more with each opening. */
  readonly term: bigint;
  /** Path of the owner file; appends are refused once it is gone. */
  readonly guard: string;
  /** No owner file was there: the one before closed the log after all its appends were durable, so nothing may be torn. */
  readonly wasClosed: boolean;
}

export interface FoundFiles {
  /** Oldest first, each up to where the next begins. */
  readonly chain: readonly ScannedFile[];
  readonly nextLsn: bigint;
  readonly isMissing: boolean;
  readonly isUnsettled: boolean;
  /** Files that hold nothing that counts. */
  readonly useless: readonly string[];
  /** What comes after the last proof of durability: it is written again before it counts. */
  readonly unproven: readonly LogEntry[];
}

/**
 * Takes the log from the owner before. The order makes it safe: our file is there and the old one's is gone before the log files are
 * read, and an append looks for its owner file after its bytes are durable. So each append of the old owner was either read here, or is
 * refused there.
 * @throws wal_fenced a newer owner has the log
 */
export async function takeOwnership(platform: Platform, folder: string, epoch: bigint): Promise<Owner> {
  let wasClosed: boolean | undefined;
  for (let attempt = 0; attempt < TAKE_ATTEMPTS_MAX; attempt++) {
    const { logs, owners } = parseNames(await platform.files.list(folder));
    wasClosed ??= owners.length === 0;
    for (const owner of owners) if (owner.epoch > epoch) throw fencedBy(folder, owner.epoch, epoch);
    const newest = [...logs, ...owners].reduce((max, { term }) => (term > max ? term : max), 0n);
    const mine = { epoch, term: newest + 1n, salt: platform.random.nextUint32() };
    const guard = ownerPath(folder, mine);
    await (await platform.files.openAppend(guard)).close();
    const others = await removeOthers(platform, folder, guard);
    wasClosed &&= others.length === 0;
    // No two openings may have one term: of two rivals the one that stays takes a higher one.
    if (others.every(({ term }) => term !== mine.term)) return { epoch, term: mine.term, guard, wasClosed };
  }
  throw fencedBy(folder, epoch, epoch);
}

async function removeOthers(platform: Platform, folder: string, guard: string): Promise<OwnerName[]> {
  const removed: OwnerName[] = [];
  for (const other of parseNames(await platform.files.list(folder)).owners) {
    if (other.path === guard) continue;
    if (other.path > guard) {
      await platform.files.remove(guard);
      throw fencedBy(folder, other.epoch, other.epoch);
    }
    await platform.files.remove(other.path);
    removed.push(other);
  }
  return removed;
}

export const fencedBy = (folder: string, newer: bigint, mine: bigint): ElanusError =>
  new ElanusError(
    'wal_fenced',
    `log ${folder}: a newer owner (epoch ${newer}) has written, this one has epoch ${mine}; refresh the channel's assignment`,
  );
export const corrupt = (path: string, why: string): ElanusError =>
  new ElanusError(
    'data_corrupt',
    `log file ${path}: ${why}; expected whole entries; restore the whole data folder, logs and catalog together, from one copy (moving log files away would lose later writes too)`,
  );

/** Reads all files that count. @throws data_corrupt; wal_fenced */
export async function readFiles(platform: Platform, folder: string, owner: Owner): Promise<FoundFiles> {
  const paths = await platform.files.list(folder);
  const { logs } = parseNames(paths);
  const isUnsettled = paths.includes(unsettledPath(folder)) || logs.some(({ term }) => term === 0n);
  const chain: ScannedFile[] = [];
  const voids: LogName[] = [];
  const useless: string[] = [];
  let unproven: readonly LogEntry[] = [];
  for (const name of logs) {
    if (name.term >= owner.term) throw fencedBy(folder, owner.epoch, owner.epoch);
    const next = chain[0];
    if (next !== undefined && name.firstLsn >= next.name.firstLsn) {
      useless.push(name.path);
      continue;
    }
    const bytes = await platform.files.read(name.path);
    const file = judged(name, scanLog(name, bytes, platform.crc32, next?.name.firstLsn), owner);
    if (file === undefined) {
      voids.push(name);
      continue;
    }
    if (file.header.epoch > owner.epoch) throw fencedBy(folder, file.header.epoch, owner.epoch);
    if (next === undefined) {
      unproven = lastGroup(file, bytes, platform);
      if (file.ending === 'torn') {
        const torn = bytes.length - file.endByte;
        platform.logger.warn('wal_torn_end', {
          path: name.path,
          atByte: file.endByte,
          bytes: torn,
          nextLsn: file.endLsn,
        });
      }
    }
    chain.unshift(file);
  }
  return {
    chain,
    unproven,
    nextLsn: endOf(chain, voids),
    isMissing: logs.length === 0,
    isUnsettled,
    useless: [...useless, ...voids.map(({ path }) => path)],
  };
}

function judged(name: LogName, scan: Scan, owner: Owner): ScannedFile | undefined {
  if (scan.kind === 'damaged') throw corrupt(name.path, scan.why);
  // Version 1 left no mark when it was closed.
  if (owner.wasClosed && name.term > 0n) {
    const why = 'though the log was closed after its last entry was durable';
    if (scan.kind === 'void') throw corrupt(name.path, `it is not whole, ${why}`);
    if (scan.ending === 'torn')
      throw corrupt(name.path, `entry ${scan.endLsn} at byte ${scan.endByte} is damaged, ${why}`);
  }
  return scan.kind === 'void' ? undefined : scan;
}

/** A file that was never finished was to begin where the log ended; alone, its name still says where. */
function endOf(chain: readonly ScannedFile[], voids: readonly LogName[]): bigint {
  const end = chain.at(-1)?.endLsn;
  const newest = voids.reduce<LogName | undefined>(
    (best, name) => (best === undefined || name.firstLsn > best.firstLsn ? name : best),
    undefined,
  );
  if (newest !== undefined && end !== undefined && newest.firstLsn > end)
    throw corrupt(newest.path, `it begins at entry ${newest.firstLsn}, the file before it ends at ${end}`);
  return end ?? newest?.firstLsn ?? 1n;
}

function lastGroup(file: ScannedFile, bytes: Uint8Array, platform: Platform): LogEntry[] {
  const entries: LogEntry[] = [];
  let offset = file.lastGroupByte;
  for (let lsn = file.lastGroupLsn; lsn < file.endLsn; lsn++) {
    const frame = decodeFrame(bytes, offset, lsn, file.header, platform.crc32);
    if (frame === undefined) throw corrupt(file.name.path, `entry ${lsn} at byte ${offset} is damaged`);
    entries.push(frame);
    offset = frame.end;
  }
  return entries;
}
