// Keys for a scenario that writes to rows in its own way: rows of them are there, all in one partition.
import type { CollectionModel } from './model.js';
import type { UntilReady } from './scenarios.js';
import type { Workload } from './workload.js';

export interface FreshKeys {
  /** Its name; '' where the client names none. */
  readonly partition: string;
  readonly keys: readonly number[];
}

/** @returns no keys: the first try was lost, and may have been carried out */
export async function freshKeys(
  workload: Workload,
  model: CollectionModel,
  untilReady: UntilReady,
): Promise<FreshKeys> {
  const partition = model.spec.partitions === 'named' ? 'p0' : '';
  const before = new Set(model.keys);
  await untilReady(() => workload.insert(model, 0, partition));
  const keys = model.keys.filter((key) => !before.has(key) && (model.certain(key) ?? 0) > 0);
  return { partition, keys };
}
