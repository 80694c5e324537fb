// Faults of segments at several query-nodes, put back on purpose.
import { edit, plantFor } from './plant.js';

const SPREAD = 'spread-over-two';

export const spreadPlants = {
  'delete-at-one-node': plantFor(
    SPREAD,
    'a delete goes to one of the query-nodes that serve segments of its shard',
    edit('roles/streaming-node/reads/held-copies.js', 'ready.map((part)', 'ready.slice(0, 1).map((part)'),
  ),
  'moved-without-deletes': plantFor(
    SPREAD,
    'a segment that moves misses the deletes that come meanwhile',
    edit('roles/streaming-node/reads/held-copies.js', 'coming?.waiting?.push(deletes);', ';'),
  ),
} as const;
