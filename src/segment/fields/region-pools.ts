// One pool of shared regions for all segments that use the same threads.
import { RegionPool } from '#index/block/region-pool.js';
import type { SharedRegion, Workers } from '#platform/workers.js';

const pools = new WeakMap<Workers, RegionPool<SharedRegion>>();

export function regionPoolOf(workers: Workers): RegionPool<SharedRegion> {
  let pool = pools.get(workers);
  if (pool === undefined) {
    pool = new RegionPool<SharedRegion>(workers);
    pools.set(workers, pool);
  }
  return pool;
}
