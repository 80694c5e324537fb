// Which processes run a role, and the ways to them: addresses that were given at the start, else what the sessions of the cluster show. A process
// that ended is forgotten with its session; calls that still wait for it were never sent, and go to whoever took its place.
import type { Platform } from '#platform/platform.js';
import { type PeerState, RemoteRole } from '#rpc/remote-role.js';
import type { RoleName } from '#rpc/role-names.js';
import type { AskedNode } from '#rpc/role-nodes.js';
import type { Membership } from '#rpc/sessions/membership.js';
import type { PeerAddresses } from './config.js';

export interface KnownNodesParts {
  readonly platform: Platform;
  readonly peers: PeerAddresses;
  readonly clusterId: string;
  /** Undefined: processes know each other by their addresses alone. */
  readonly membership: Membership | undefined;
}

interface Found {
  /** Version of the sessions that they were taken from. */
  readonly version: number;
  readonly remotes: ReadonlyMap<string, RemoteRole>;
}

export class KnownNodes {
  readonly #parts: KnownNodesParts;
  readonly #given = new Map<RoleName, readonly RemoteRole[]>();
  readonly #found = new Map<RoleName, Found>();
  readonly #hearing: (() => void)[] = [];

  constructor(parts: KnownNodesParts) {
    this.#parts = parts;
    const { membership } = parts;
    // At once: calls that wait for a process that is gone go on.
    if (membership !== undefined)
      membership.onChange = () => {
        for (const role of [...this.#found.keys()]) this.#foundBy(membership, role);
        for (const heard of this.#hearing) heard();
      };
  }

  /** The sessions by which a role is found; undefined: by its addresses, or it runs nowhere else. */
  sessionsOf(role: RoleName): Membership | undefined {
    return this.#parts.peers[role] === undefined ? this.#parts.membership : undefined;
  }

  remotesOf(role: RoleName): readonly RemoteRole[] {
    const sessions = this.sessionsOf(role);
    return sessions === undefined ? this.#givenOf(role) : this.#foundBy(sessions, role);
  }

  onChange(heard: () => void): void {
    this.#hearing.push(heard);
  }

  lookAgain(role: RoleName): void {
    if (this.sessionsOf(role) === undefined) for (const remote of this.#givenOf(role)) remote.ask();
  }

  /** Roles of which no node answers, though one was asked: what health shows. */
  lost(): readonly string[] {
    const found = [...this.#found].map(([role, { remotes }]) => [role, [...remotes.values()]] as const);
    return [...this.#given, ...found].flatMap(([role, remotes]) => {
      const states = remotes.map(({ state }) => state);
      if (states.some(({ kind }) => kind !== 'connecting')) return [];
      for (const remote of remotes) remote.look();
      return remotes.map(({ address, state }) => lostText(role, address, state));
    });
  }

  /** Who is asked first elsewhere. */
  first(role: RoleName): AskedNode {
    const [remote] = this.remotesOf(role);
    if (remote === undefined) return { name: `a ${role}`, silence: 'there is none' };
    const { address, state } = remote;
    const [id] = this.sessionsOf(role)?.nodesOf(role) ?? [];
    const serverId = remote.lastServerId ?? id?.serverId;
    const name = serverId === undefined ? `${role} at ${address}` : `${role} ${serverId} at ${address}`;
    if (state.kind !== 'connecting') return { name, silence: '' };
    return { name, silence: `it has not answered for ${Math.round(state.forMs)} ms (${state.reason})` };
  }

  close(): void {
    for (const remotes of this.#given.values()) for (const remote of remotes) remote.close();
    for (const { remotes } of this.#found.values()) for (const remote of remotes.values()) remote.close();
  }

  #givenOf(role: RoleName): readonly RemoteRole[] {
    const known = this.#given.get(role);
    if (known !== undefined) return known;
    const addresses = this.#parts.peers[role] ?? [];
    const remotes = (typeof addresses === 'string' ? [addresses] : addresses).map((address) =>
      this.#remote(role, address),
    );
    this.#given.set(role, remotes);
    return remotes;
  }

  #foundBy(sessions: Membership, role: RoleName): readonly RemoteRole[] {
    const known = this.#found.get(role);
    if (known?.version === sessions.version) return [...known.remotes.values()];
    const remotes = new Map<string, RemoteRole>();
    for (const { serverId, address } of sessions.nodesOf(role)) {
      const name = `${serverId}@${address}`;
      remotes.set(name, known?.remotes.get(name) ?? this.#remote(role, address));
    }
    this.#found.set(role, { version: sessions.version, remotes });
    for (const [name, remote] of known?.remotes ?? []) if (!remotes.has(name)) remote.close();
    return [...remotes.values()];
  }

  #remote(role: RoleName, address: string): RemoteRole {
    return new RemoteRole(this.#parts.platform, role, address, this.#parts.clusterId);
  }
}

function lostText(role: RoleName, address: string, state: PeerState): string {
  if (state.kind !== 'connecting') return `${role} at ${address} is ${state.kind}`;
  const { forMs, attempts, pauseMs, reason } = state;
  const next = pauseMs === 0 ? 'being tried now' : `tried again in at most ${Math.round(pauseMs)} ms`;
  return `${role} at ${address} has not answered for ${Math.round(forMs)} ms, handshakes failed: ${attempts}, ${next} (${reason})`;
}
