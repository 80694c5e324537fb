// An aggregation as segments and shards carry it out: partial results are batches, one row a group, so that they travel and merge as rows do.
// Every row that lives counts, older rows of a key too, as in `count(*)`: how rows lie in segments makes no difference.
import { ElanusError } from '#base/errors.js';
import { DataType } from '#model/schema/data-type.js';
import type { AggregateCall } from '#proto/elanus/roles.js';

export const aggregateOps = ['rows', 'count', 'sum', 'min', 'max'] as const;
export type AggregateOp = (typeof aggregateOps)[number];

/** @throws internal for what only a peer of another version sends */
export function opOf({ op }: AggregateCall): AggregateOp {
  const known = aggregateOps.find((name) => name === op);
  if (known === undefined)
    throw new ElanusError('internal', `aggregate ${op} is not known here; check the version of the peer`);
  return known;
}

/** Field id of the state of a call in a batch of groups: no field has it. */
export const stateId = (call: number): bigint => -10n - BigInt(call);

/** Groups of one query; each takes some hundred bytes here, and again in every place that merges. */
export const GROUPS_MAX = 100_000;

export const tooManyGroups = (): ElanusError =>
  new ElanusError(
    'parameter_too_large',
    `group by: the rows have more than ${GROUPS_MAX} groups, which is the limit; filter them, or group by a field with fewer values`,
  );

const floatTypes: ReadonlySet<number> = new Set([DataType.Float, DataType.Double]);
export const isFloatType = (dataType: number): boolean => floatTypes.has(dataType);
