// What a query-node serves, for Prometheus.
import type { Metrics } from '#platform/metrics.js';
import { servedGauges } from '#segment/memory-account.js';
import type { LoadedSegment } from './loaded-segment.js';

export function measureSealed(metrics: Metrics, loaded: ReadonlyMap<bigint, LoadedSegment>): void {
  metrics.collect((gauge) => {
    const { segments, rows } = servedGauges(gauge);
    for (const { data } of loaded.values()) {
      const labels = { collection_id: String(data.collectionId), segment_state: 'Sealed' };
      segments.add(1, labels);
      rows.add(data.rowCount, labels);
    }
  });
}
