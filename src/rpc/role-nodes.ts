// Which processes run a role, as one process knows them. Roles ask here instead of assuming that there is one.
import type { RoleName } from './role-names.js';

export interface RoleNode {
  readonly serverId: bigint;
  /** Address of its internal listener; undefined: it is this process. */
  readonly address: string | undefined;
  /** One more for each process that was found at the address: the largest is the latest. */
  readonly epoch: number;
}

export interface RoleNodes {
  /** Those that have answered a handshake, and this process when it runs the role. None: nobody was asked yet. */
  of(role: RoleName): readonly RoleNode[];
}
