// What the catalog of data-coord says, for Prometheus: segments, rows and bytes by state, imports, and what the compactor does. Names and labels
// are Milvus's. Nothing is added up before somebody reads.
import type { IndexFile } from '#model/states/index-file.js';
import type { Segment } from '#model/states/segment.js';
import type { Collector, Metrics } from '#platform/metrics.js';
import type { CompactionWatch } from '#roles/data-coord/compaction/compaction-watch.js';
import type { DataCatalog } from './data-catalog.js';

const segmentStates = { importing: 'Importing', flushed: 'Flushed', dropped: 'Dropped' } as const;

export function measureData(
  metrics: Metrics,
  catalog: Pick<DataCatalog, 'segments' | 'channels' | 'jobs'>,
  watch: Pick<CompactionWatch, 'running' | 'setAside'>,
): void {
  metrics.collect((gauge) => {
    measureSegments(gauge, catalog.segments.values());
    const collections = new Set([...catalog.channels.values()].map(({ collectionId }) => collectionId));
    gauge({
      name: 'milvus_datacoord_collection_num',
      help: 'Collections that have channels.',
    }).set(collections.size);
    const imports = gauge({
      name: 'milvus_datacoord_import_jobs',
      help: 'Import jobs, also those that have ended and are still known.',
      labels: ['import_state'],
    });
    for (const { state } of catalog.jobs.values()) imports.add(1, { import_state: state });
    const compactions = gauge({
      name: 'milvus_datacoord_compaction_task_num',
      help: 'Compactions that run.',
      labels: ['compaction_type', 'status'],
    });
    if (watch.running !== undefined)
      compactions.set(1, { compaction_type: watch.running.kind, status: 'executing' });
    gauge({
      name: 'elanus_compaction_waiting_collections',
      help: 'Collections whose compaction failed and is tried again.',
    }).set(watch.setAside.length);
  });
}

function measureSegments(gauge: Parameters<Collector>[0], segments: Iterable<Segment>): void {
  const count = gauge({
    name: 'milvus_datacoord_segment_num',
    help: 'Segments in the catalog; Dropped: replaced, with files that are not given back yet.',
    labels: ['segment_state', 'segment_level'],
  });
  const rows = gauge({
    name: 'milvus_datacoord_stored_rows_num',
    help: 'Rows in files, deleted ones among them.',
    labels: ['collection_id', 'segment_state'],
  });
  const bytes = gauge({
    name: 'milvus_datacoord_stored_binlog_size',
    help: 'Bytes of the files of rows and deletes.',
    labels: ['collection_id', 'segment_state'],
  });
  const indexBytes = gauge({
    name: 'milvus_datacoord_stored_index_files_size',
    help: 'Bytes of the files of indexes.',
    labels: ['collection_id'],
  });
  const deletes = gauge({
    name: 'elanus_pending_delete_entries',
    help: 'Deletes that are in no segment with rows yet.',
    labels: ['collection_id'],
  });
  for (const segment of segments) {
    const collection_id = String(segment.collectionId);
    const segment_state = segmentStates[segment.state];
    count.add(1, { segment_state, segment_level: segment.isLevelZero ? 'L0' : 'L1' });
    for (const file of segment.files) bytes.add(Number(file.bytes), { collection_id, segment_state });
    if (!segment.isLevelZero) rows.add(Number(segment.rowCount), { collection_id, segment_state });
    if (segment.state !== 'flushed') continue;
    if (segment.isLevelZero) deletes.add(Number(segment.rowCount), { collection_id });
    for (const file of segment.indexes) indexBytes.add(fileBytes(file), { collection_id });
  }
}

const fileBytes = (file: IndexFile): number => (file.state === 'finished' ? Number(file.bytes) : 0);
