// What a load may ask for: which fields of a collection are not loaded, from what a client says and what is loaded already; one replica.
import { ElanusError } from '#base/errors.js';
import type { LoadDefinition } from '#model/states/load.js';
import type { LoadRequest } from '#proto/elanus/roles.js';

/** A load that names no fields leaves them as they are. @throws invalid_parameter */
export function leftOutBy(
  { namesFields, leftOutFieldIds }: Pick<LoadRequest, 'namesFields' | 'leftOutFieldIds'>,
  before: LoadDefinition | undefined,
): readonly bigint[] {
  if (!namesFields) return before?.leftOut ?? [];
  const leftOut = [...leftOutFieldIds].sort((a, b) => (a < b ? -1 : 1));
  if (before === undefined || before.leftOut.join() === leftOut.join()) return leftOut;
  throw new ElanusError(
    'invalid_parameter',
    "can't change the load field list for loaded collection, release it first: invalid parameter",
  );
}

/** @throws invalid_parameter */
export function refuseReplicas(replicaNumber: number): void {
  if (replicaNumber <= 1) return;
  throw new ElanusError(
    'invalid_parameter',
    `failed to spawn replica for collection: replica number ${replicaNumber} needs as many query nodes, there is 1; load with replica_number 1: invalid parameter`,
  );
}
