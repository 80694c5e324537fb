// Log and catalog belong together: asked when a log is opened, before anything in it changes.
import { ElanusError } from '#base/errors.js';
import type { FoundLog } from '#platform/log.js';
import type { ChannelRecord } from '#proto/elanus/data.js';

/**
 * Each channel begins within its log: first entry <= checkpoint <= next number. Below, rows are gone; above, the numbers of later writes
 * would be taken for ones that are in files. A channel with checkpoint 0 was never served, or an earlier version never flushed it.
 * @throws data_corrupt naming log, channel and numbers
 */
export function checkAgreement(found: FoundLog, channels: readonly ChannelRecord[]): void {
  const { place, isMissing, isUnsettled, firstLsn, nextLsn } = found;
  for (const { vchannel, checkpointLsn } of channels) {
    if (checkpointLsn === 0n) continue;
    const isWithin = !isMissing && checkpointLsn <= nextLsn && (firstLsn <= checkpointLsn || isUnsettled);
    if (isWithin) continue;
    const log = isMissing ? 'has no files' : `has entries from ${firstLsn} and goes on with ${nextLsn}`;
    throw new ElanusError(
      'data_corrupt',
      `log ${place} ${log}, but channel ${vchannel} begins at its entry ${checkpointLsn}; expected the log that was written with this catalog; restore the whole data folder, logs and catalog together, from one copy: going on would lose what is written later`,
    );
  }
}

/** An opening after a failed write finds at least what was acknowledged before. @throws data_corrupt */
export function checkWhole({ place, nextLsn }: FoundLog, acknowledged: bigint): void {
  if (nextLsn >= acknowledged) return;
  const fact = `log ${place}: it ends at entry ${nextLsn} after a failed write, entries up to ${acknowledged} were acknowledged`;
  throw new ElanusError(
    'data_corrupt',
    `${fact}; restore the whole data folder, logs and catalog together, from one copy`,
  );
}
