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
  /** Who a call to the role goes to that names nobody, for people. */
  asked(role: RoleName): AskedNode;
  /** Asks those at given addresses anew who they are: one that was there may have been replaced. Sessions say it by themselves. */
  lookAgain(role: RoleName): void;
  /** Hears whenever sessions show that processes came or went. */
  onChange(heard: () => void): void;
  /** No process has a session that runs the role: the one that comes begins by what the catalog says. */
  isAway(role: RoleName): boolean;
}

export interface AskedNode {
  /** As "data-node 17 at host:19600". */
  readonly name: string;
  /** Since when it has not answered, and why; empty: it has. */
  readonly silence: string;
}

/** What an operation waits for that the node is to do. */
export const waitsForNode = ({ name, silence }: AskedNode, task: string): string =>
  silence === '' ? `${name} ${task}` : `${name} ${task}; ${silence}`;
