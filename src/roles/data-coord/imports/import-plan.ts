// The tasks of an import job, how long its record is kept, and what an order must be like. Pure.
import { ElanusError } from '#base/errors.js';
import { physicalMs } from '#base/timestamp.js';
import type { EndedJob, ImportJob } from '#model/states/import-job.js';
import { ImportGroupRecord, ImportTaskRecord } from '#proto/elanus/data.js';

/** What somebody asks for. */
export interface ImportOrder {
  readonly jobId: bigint;
  readonly collectionId: bigint;
  /** Several: the partition key of each row chooses. */
  readonly partitionIds: readonly bigint[];
  readonly vchannels: readonly string[];
  /** Files that hold one set of rows, each. */
  readonly groups: readonly (readonly string[])[];
  readonly options: readonly { readonly key: string; readonly value: string }[];
  /** Empty: the order is made anew however often it comes. */
  readonly idempotencyKey: string;
}

const FILES_MAX = 1024;
/** Files of a task have so many bytes: less is done again after a crash, more would be segments that are too small. */
const TASK_BYTES = 256n << 20n;
const KEY_LENGTH_MAX = 256;
const KEPT_MS = 10_800_000;
/** A key is known for a day at least, so its job is. */
const KEYED_MS = 86_400_000;
/** So many of the newest that ended are kept however long ago that seems. */
const ENDED_KEPT = 256;

/** @throws import_failed, invalid_parameter */
export function checkOrder({ groups, idempotencyKey }: ImportOrder): void {
  const files = groups.flat();
  if (files.length === 0 || files.length > FILES_MAX)
    throw new ElanusError(
      'import_failed',
      `import request has ${files.length} files, expected 1 to ${FILES_MAX}: invalid parameter`,
    );
  if (idempotencyKey.length > KEY_LENGTH_MAX || !/^[\x20-\x7e]*$/.test(idempotencyKey))
    throw new ElanusError(
      'invalid_parameter',
      `idempotency key has ${idempotencyKey.length} characters, expected at most ${KEY_LENGTH_MAX} of printable ASCII: invalid parameter`,
    );
}

/** Groups in their order, as many to a task as make it large enough. @param bytes of each group */
export function planTasks(
  groups: readonly (readonly string[])[],
  bytes: readonly bigint[],
): ImportTaskRecord[] {
  const tasks: ImportTaskRecord[] = [];
  let open: ImportGroupRecord[] = [];
  let sum = 0n;
  const close = (): void => {
    if (open.length > 0) tasks.push(ImportTaskRecord.create({ groups: open }));
    open = [];
    sum = 0n;
  };
  for (const [at, paths] of groups.entries()) {
    open.push(ImportGroupRecord.create({ paths: [...paths], bytes: bytes[at] ?? 0n }));
    sum += bytes[at] ?? 0n;
    if (sum >= TASK_BYTES) close();
  }
  close();
  return tasks;
}

const sameText = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Whether the job is what the order asks for, by its key.
 * @throws invalid_parameter when the key was used for something else
 */
export function isSameOrder(job: ImportJob, order: ImportOrder): boolean {
  if (order.idempotencyKey === '' || job.idempotencyKey !== order.idempotencyKey) return false;
  if (job.collectionId !== order.collectionId) return false;
  const isSame =
    sameText(job.files, order.groups.flat()) &&
    sameText(job.partitionIds.map(String), order.partitionIds.map(String)) &&
    sameText(job.options, order.options);
  if (isSame) return true;
  throw new ElanusError(
    'invalid_parameter',
    `idempotency key ${JSON.stringify(order.idempotencyKey)} was used for import job ${job.id} with other files, partition or options, expected the same request; use another key: invalid parameter`,
  );
}

/**
 * Jobs that ended whose records may go. The newest stay whatever a clock says: one that jumps by a day would else forget all keys at once, and a client
 * that asks again would import its rows twice.
 * @param nowMs by the timestamps of the cluster
 */
export function forgottenJobs(ended: readonly EndedJob[], nowMs: number): readonly EndedJob[] {
  const endMs = ({ endTimestamp, createTimestamp }: EndedJob): number =>
    physicalMs(endTimestamp > createTimestamp ? endTimestamp : createTimestamp);
  const older = [...ended].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(ENDED_KEPT);
  return older.filter((job) => endMs(job) + (job.idempotencyKey === '' ? KEPT_MS : KEYED_MS) < nowMs);
}
