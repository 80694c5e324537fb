// Faults of single rows, put back on purpose: keys, orders of writes of one key, ages, rows that a filter finds, and rows that an iterator reads.
import { edit, type Plant, plantFor } from './plant.js';

export const rowPlants = {
  'keys-given-twice': plantFor(
    'keys-generated',
    'rows of two writes get the same keys',
    edit(
      'roles/root-coord/wire/root-coord-handlers.js',
      'await parts.allocateIds(some)',
      'await parts.allocateIds(1)',
    ),
  ),
  'replaced-at-the-wrong-shard': plantFor(
    'keys-generated',
    'an upsert that gives rows new keys deletes the old ones where the new ones go',
    edit(
      'roles/proxy/data/shard-writes.js',
      ': hashKeys(replacedKeys, rowCount);',
      ': hashKeys(keyColumn(collection.schema, batch), rowCount);',
    ),
  ),
  'group-in-reverse': plantFor(
    'written-by-two',
    'writes that share an append get their times in reverse order',
    edit(
      'roles/streaming-node/physical-channel.js',
      'firstTimestamp + BigInt(index)',
      'firstTimestamp + BigInt(group.length - 1 - index)',
    ),
  ),
  'expired-too-early': plantFor(
    'expired-meanwhile',
    'a compaction takes rows out in the middle of their time',
    edit('roles/data-coord/compaction/compactor.js', 'timestamp - ttl,', 'timestamp - ttl / 2n,'),
  ),
  'expired-rows-grow-on': plantFor(
    'expired-meanwhile',
    'rows that are in no file yet are found although they have expired',
    edit(
      'roles/streaming-node/reads/shard-retrieve.js',
      'retrieveFromSegments(growing, request,',
      'retrieveFromSegments(growing, { ...request, expiredUntil: 0n },',
    ),
  ),
  'growing-rows-not-found': plantFor(
    'deleted-by-filter',
    'a delete by a filter does not look at rows that are in no file yet',
    edit('roles/proxy/data/found-keys.js', 'ignoreGrowing: false', 'ignoreGrowing: true'),
  ),
  'iterator-short-after-a-death': plantFor(
    'iterated-over-deaths',
    'an iterator whose owner died goes on although rows were compacted away',
    edit(
      'roles/streaming-node/reads/served-segments.js',
      'if (isLive && record.readableFrom > readTimestamp && partitions.has(record.partitionId))',
      'if (false)',
    ),
  ),
} as const satisfies Record<string, Plant>;
