// Records that a log has and its writer did not know: their append failed, and reached the disk all the same (ADR 0100).
import type { LogRecord } from '#proto/elanus/data.js';
import type { Shard } from '#roles/streaming-node/shard.js';

/** What applying it needs is taken first, as for a record that was planned. @throws memory_limit; then nothing of it was applied */
export async function applyFound(shard: Shard | undefined, record: LogRecord, lsn: bigint): Promise<void> {
  if (shard === undefined || shard.closed || shard.failure !== undefined) return;
  const draft = shard.draft();
  try {
    draft.hold(record);
    await shard.apply(record, lsn);
  } finally {
    draft.close();
  }
}
