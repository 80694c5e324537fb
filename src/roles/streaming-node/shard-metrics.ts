// What the shards of a node hold and write to files, for Prometheus, by Milvus's names.
import type { Metrics } from '#platform/metrics.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import { servedGauges } from '#segment/memory-account.js';
import type { GrowingSegment } from './shard-change.js';

const LATENCY_MS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

interface Holding {
  readonly shard: {
    readonly channel: { readonly collectionId: bigint };
    readonly segments: ReadonlyMap<bigint, GrowingSegment>;
    readonly unsavedBytes: number;
  };
}

/** @param holding the shards that hold rows or deletes */
export function measureGrowing(metrics: Metrics, holding: () => Iterable<Holding>): void {
  metrics.collect((gauge) => {
    const { segments, rows } = servedGauges(gauge);
    let unsaved = 0;
    for (const { shard } of holding()) {
      const labels = { collection_id: String(shard.channel.collectionId), segment_state: 'Growing' };
      for (const { data } of shard.segments.values()) {
        segments.add(1, labels);
        rows.add(data.rowCount, labels);
      }
      unsaved += shard.unsavedBytes;
    }
    gauge({
      name: 'elanus_unsaved_bytes',
      help: 'Bytes of rows and deletes that only the log holds.',
    }).set(unsaved);
  });
}

/** A round of a shard that wrote these segments; undefined: it failed. */
export function noteFlush(metrics: Metrics, written: readonly SegmentRecord[] | undefined, ms: number): void {
  metrics
    .counter({
      name: 'milvus_datanode_flush_req_count',
      help: 'Rounds in which a shard wrote rows or deletes to files.',
      labels: ['status'],
    })
    .add(1, { status: written === undefined ? 'fail' : 'success' });
  if (written === undefined) return;
  metrics
    .histogram({
      name: 'milvus_datanode_save_latency',
      help: 'Time of a round that succeeded, in ms.',
      buckets: LATENCY_MS,
    })
    .observe(ms);
  const rows = metrics.counter({ name: 'milvus_datanode_flushed_data_rows', help: 'Rows written to files.' });
  const bytes = metrics.counter({
    name: 'milvus_datanode_flushed_data_size',
    help: 'Bytes of the files of rows and deletes that were written.',
    labels: ['segment_level'],
  });
  for (const { isLevelZero, rowCount, files } of written) {
    if (!isLevelZero) rows.add(Number(rowCount));
    const level = { segment_level: isLevelZero ? 'L0' : 'L1' };
    for (const file of files) bytes.add(Number(file.bytes), level);
  }
}
