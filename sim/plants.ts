// Faults of the product, put back on purpose: each replaces a piece of the built code while it is loaded (plant-hooks.ts), so the product
// itself knows nothing of them. A piece that is not there any more is an error: the list follows the code. Bugs below the product, which
// need no piece of code, are in planted.ts. `npm run sim -- --planted` tries them all.

import { backfillPlants } from './backfill-plants.js';
import { compactionPlants } from './compaction-plants.js';
import { coordinatorPlants } from './coordinator-plants.js';
import { importPlants } from './import-plants.js';
import { latePlants } from './late-plants.js';
import { type Edit, edit, type Plant, plant } from './plant.js';
import { rowPlants } from './row-plants.js';
import { spreadPlants } from './spread-plants.js';

const chosen = 'this.#chosen[this.#chosenCount++] = this.#numbers[order[at] ?? 0] ?? 0;';
/** Every merge goes by keys. */
const noShortCut = edit(
  'segment/search/search-segments.js',
  'const best = found.length > 1',
  'const best = false',
);

export const plants = {
  'scores-halved': plant(
    'all scores of answers are halved',
    edit(
      'roles/proxy/search/rank-hits.js',
      'decimals < 0 ? hits :',
      'decimals < 0 ? { ...hits, scores: hits.scores.map((score) => score / 2) } :',
    ),
  ),
  'score-out-of-range': plant(
    'scores leave the range of their metric by a rounding step',
    edit('segment/search/equal-scores.js', 'moveIntoRange(search.metric, found.scores);', ''),
  ),
  'second-neighbour-missing': plant(
    'a merge leaves the second nearest out',
    noShortCut,
    edit('segment/search/merge-hits.js', chosen, `if (at !== 1 || count < 3) ${chosen}`),
    edit(
      'segment/search/merge-hits.js',
      'this.#counts[query] = count;',
      'this.#counts[query] = count < 3 ? count : count - 1;',
    ),
  ),
  'third-neighbour-missing': plant(
    'a merge leaves the third nearest out',
    noShortCut,
    edit('segment/search/merge-hits.js', chosen, `if (at !== 2) ${chosen}`),
    edit(
      'segment/search/merge-hits.js',
      'this.#counts[query] = count;',
      'this.#counts[query] = count < 3 ? count : count - 1;',
    ),
  ),
  'order-reversed': plant(
    'equal in all but order: the two best change places',
    noShortCut,
    edit(
      'segment/search/merge-hits.js',
      chosen,
      chosen.replace('order[at]', 'order[at < 2 && count > 1 ? 1 - at : at]'),
    ),
  ),
  'limit-spent-on-copies': plant(
    'older rows of a key replace it, and take its place in the limit',
    edit(
      'segment/search/superseded-rows.js',
      'if (!hasNewer(segment, readTs, hits, at, time, own))',
      'if (true)',
    ),
    edit(
      'segment/fields/row-versions.js',
      'return superseded !== undefined && (this.#commit !== 0n || superseded <= readTs);',
      'return false;',
    ),
  ),
  'truncate-not-awaited': plant(
    'a truncate is confirmed before it is durable',
    edit(
      'roles/root-coord/changes/truncate-ddl.js',
      'await this.#partitions.marking(replaced, catalog.carryOut(receipt, changed));',
      'void catalog.carryOut(receipt, changed).catch(() => {}); return { record, replacements: new Map() };',
    ),
  ),
  'iterators-end-early': plant(
    'an iterator whose partitions were dropped or replaced answers what is left',
    edit('roles/proxy/reads/read-scope.js', 'createdTimestamp > readAt', 'createdTimestamp < 0n'),
    edit(
      'roles/streaming-node/reads/served-segments.js',
      'if (page !== undefined && first !== undefined)',
      'if (page !== undefined && first !== undefined && false)',
    ),
  ),
  'grants-outlive-names': plant(
    'a collection is dropped or renamed, and the grants that name it stay',
    edit(
      'roles/root-coord/users/users-catalog.js',
      'return next === this.record ? [] : [this.#records.put(next)];',
      'return [];',
    ),
  ),
  'grant-not-awaited': plant(
    'a change of rights is confirmed before it is durable',
    edit(
      'roles/root-coord/users/users-catalog.js',
      'await commitChanges(this.#store, [this.#records.put(next), ...receipt()]);',
      'void commitChanges(this.#store, [this.#records.put(next)]).catch(() => {});',
    ),
  ),
  'truncation-behind-unsaved': plant(
    'the log is cut although shards have not saved what is in it',
    edit(
      'roles/streaming-node/physical-channel.js',
      'await this.#log.truncate(end);',
      'await this.#log.truncate(this.#appliedEnd);',
    ),
  ),
  'truncation-during-replay': plant(
    'the log is cut while shards of it are still replayed',
    edit(
      'roles/streaming-node/physical-channel.js',
      'await shard.apply(record, lsn, true);',
      'await shard.apply(record, lsn, true); if (records === 0) await this.#log.truncate(this.#log.nextLsn);',
    ),
  ),
  'log-numbers-again': plant(
    'the numbers of a log whose newest file is empty begin again',
    edit(
      'wal/log-opening.js',
      'nextLsn: endOf(chain, voids),',
      'nextLsn: chain.every((file) => file.name.firstLsn === file.endLsn) ? 1n : endOf(chain, voids),',
    ),
    // A newest file of less than a MiB stays although nothing in it is needed, which hides it in logs as small as here.
    edit('roles/streaming-node/shard-set.js', 'spareBytesMax: LOG_SPARE_BYTES', 'spareBytesMax: 0'),
  ),
  'damage-taken-for-torn': plant(
    'a damaged entry in the middle of the newest log file ends the log',
    edit(
      'wal/log-scan.js',
      'const proof = findProof(bytes, file.endByte,',
      'const proof = ((..._) => undefined)(bytes, file.endByte,',
    ),
  ),
  'page-cache-counts-as-disk': plant(
    'what is read back after a failed sync counts as durable',
    edit('wal/log-opening.js', 'unproven = lastGroup(file, bytes, platform);', 'unproven = [];'),
  ),
  'no-ids-reserved': plant(
    'a write to several new partitions finds too few segment ids at hand',
    edit(
      'roles/streaming-node/shard-draft.js',
      '? change.inserts.length : 0',
      '? Math.min(1, change.inserts.length) : 0',
    ),
  ),
  'stale-owner-commits': plant(
    'the flush of an owner that was replaced is taken, and the checkpoint falls back',
    edit('roles/data-coord/segment-commits.js', 'if (channel.epoch === epoch)', 'if (true)'),
    edit(
      'model/states/channel.js',
      'checkpointLsn: maxOf(event.lsn, from.checkpointLsn),',
      'checkpointLsn: event.lsn,',
    ),
  ),
  'stale-owner-appends': plant(
    'an owner that was replaced goes on writing to its open log',
    edit(
      'platform/memory/memory-files.js',
      'if (guard === undefined || this.#files.has(guard))',
      'if (true)',
    ),
  ),
  'epoch-repeats': plant(
    'the epoch is counted from the channels that exist, not from those that existed',
    edit(
      'roles/data-coord/channel-owners.js',
      'const epoch = (newestLogEpoch > newest ? newestLogEpoch : newest) + 1n;',
      'const epoch = [...catalog.channels.values()].reduce((most, one) => (one.epoch > most ? one.epoch : most), 0n) + 1n;',
    ),
    // The start opens the logs of dropped collections under the epoch that they carry, which hides it until the next one.
    edit(
      'roles/streaming-node/streaming-node.js',
      'await this.#shards.giveBack(newestEpoch);',
      'await this.#shards.giveBack(1n);',
    ),
  ),
  'drop-half-done': plant(
    'a drop of a partition that a crash interrupts is not finished',
    edit(
      'roles/root-coord/collection-ddl.js',
      '.filter(({ droppingPartitions }) => droppingPartitions.length > 0)',
      '.filter(() => false)',
    ),
    edit(
      'roles/root-coord/partition-ddl.js',
      'if (marked !== undefined)',
      'if (marked !== undefined && (await this.#parts.allocateId()) % 2n === 0n)',
    ),
  ),
  'late-flush-resurrects': plant(
    'a flush that comes after the drop of its partition brings rows back',
    edit(
      'roles/data-coord/segment-commits.js',
      '!catalog.segments.has(id) && !isDropped.has(partitionId)',
      '!catalog.segments.has(id)',
    ),
    edit('roles/streaming-node/shard-flush.js', 'shard.segments.has(record.id)', 'true'),
  ),
  'wall-clock-compared': plant(
    'a timestamp is compared with the wall clock of the node',
    edit(
      'roles/streaming-node/oracle-time.js',
      'const begun = clock.monotonic();',
      'const begun = clock.monotonic(); if (physicalMs(timestamp) > clock.now() + 1000) throw tooFarAhead(timestamp, 0, 0);',
    ),
  ),
  'oracle-forgets': plant(
    'the oracle begins at the wall clock after a restart',
    edit(
      'roles/root-coord/timestamp-oracle.js',
      'new TimestampOracle(parts, boundMs,',
      'new TimestampOracle(parts, 0,',
    ),
  ),
  'orphans-stay': plant(
    'files of killed flushes and builds stay',
    edit('roles/data-coord/data-coord.js', 'await this.#orphans.sweepOld(', 'await ((..._) => undefined)('),
  ),
  'log-entry-too-large': plant(
    'the reader of the log takes shorter entries than the writer writes',
    edit('wal/frame.js', 'if (length > PAYLOAD_BYTES_MAX ||', 'if (length > 420 ||'),
  ),
  'deletes-not-flushed': plant(
    'deletes are let go without a file',
    edit(
      'roles/streaming-node/shard-flush.js',
      'const groups = deleteGroups(deletes);',
      'const groups = deleteGroups([]);',
    ),
  ),
  'checkpoint-too-far': plant(
    'the checkpoint passes rows that are still growing',
    edit(
      'roles/streaming-node/shard.js',
      "if (segment.state !== 'saved' && !files.has(segment))",
      'if (false)',
    ),
  ),
  'deletes-not-forwarded': plant(
    'sealed segments do not hear of deletes',
    edit(
      'roles/streaming-node/shard.js',
      'await this.#parts.forwardDeletes(',
      'await ((..._) => undefined)(',
    ),
  ),
  'replayed-twice': plant(
    'a replay adds rows that are in files already',
    edit(
      'roles/streaming-node/shard.js',
      'if (isReplay && this.#parts.persistedSegmentIds.has(insert.segmentId))',
      'if (false)',
    ),
    // Reads leave out what is served as sealed, and the catalog takes no segment twice: with these, more rows are only memory.
    edit(
      'roles/streaming-node/reads/shard-reader.js',
      'partitions.has(partitionId) && !this.#served.isServed(id)',
      "partitions.has(partitionId) && !(this.#served.isServed(id) && shard.segments.get(id).state === 'saved')",
    ),
  ),
  'seal-forgotten': plant(
    'a segment that is sealed stays open, and no flush ends',
    edit('roles/streaming-node/shard.js', "segment.state = 'sealed';", ';'),
  ),
  'upsert-keeps-moved-row': plant(
    'an upsert that moves a row to another partition leaves the old one',
    edit(
      'roles/proxy/data/shard-writes.js',
      'const deletedPartitionId = partitionId ?? 0n',
      'const deletedPartitionId = partitionIds[0] ?? 0n',
    ),
  ),
  'update-of-stale-row': plant(
    'a partial update is written although its row changed since it was read',
    edit('roles/streaming-node/shard-draft.js', 'if (isChanged)', 'if (false)'),
  ),
  'schema-not-fetched': plant(
    'a shard takes requests of a newer schema and works by the older one',
    edit(
      'roles/streaming-node/shard-schema.js',
      'return version > this.#parts.shard.schema.version;',
      'return false;',
    ),
  ),
  'field-id-given-again': plant(
    'a new field gets the id of one that was dropped',
    edit(
      'model/schema/schema-change.js',
      'largestFieldId(schema, lastFieldId) + 1n',
      'largestFieldId(schema, 0n) + 1n',
    ),
    edit(
      'roles/root-coord/schema-ddl.js',
      'lastFieldId: largestFieldId(schema, record.lastFieldId)',
      'lastFieldId: 0n',
    ),
  ),
  'row-count-before-growing': plant(
    'statistics ask for growing rows last: a segment flushed in between is in neither answer',
    edit(
      'roles/proxy/collections/row-count.js',
      'const { segments } = await channelRegistry.listSegments({ collectionId: collection.record.id }, context);\n    const flushed',
      'const segments = early; const flushed',
    ),
    edit(
      'roles/proxy/collections/row-count.js',
      'const growing = [];',
      'const early = (await channelRegistry.listSegments({ collectionId: collection.record.id }, context)).segments; const growing = [];',
    ),
  ),
  ...backfillPlants,
  ...compactionPlants,
  ...coordinatorPlants,
  ...importPlants,
  ...latePlants,
  ...rowPlants,
  ...spreadPlants,
} as const satisfies Record<string, Plant>;
export type PlantName = keyof typeof plants;
export const plantNames = Object.keys(plants) as readonly PlantName[];
export const isPlantName = (name: string): name is PlantName => Object.hasOwn(plants, name);

/** @throws when the piece is not there, or there more than once */
export function applyEdit(source: string, { file, find, put }: Edit): string {
  const at = source.indexOf(find);
  if (at < 0)
    throw new Error(
      `dist/${file} has no ${JSON.stringify(find)}: the code changed, change the plant with it`,
    );
  if (source.indexOf(find, at + 1) >= 0)
    throw new Error(`dist/${file} has ${JSON.stringify(find)} more than once: choose a longer piece`);
  return source.slice(0, at) + put + source.slice(at + find.length);
}
