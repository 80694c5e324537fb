// Which node serves which segment and channel, as the last round brought it about; targets say what should be. In memory: after a restart
// every round notifies its shards anew, and the table is whole again once each collection had one.
import { settledMap } from '#base/maps/lazy-map.js';
import { ANY_NODE } from './place-segments.js';

export interface Place {
  readonly serverId: bigint;
  /** Version of the target that brought it there: an older one never takes the place of a newer one. */
  readonly version: bigint;
  /** A client wanted it there: the balance leaves it there. */
  readonly isWished?: boolean;
}

interface ChannelPlace extends Place {
  readonly collectionId: bigint;
  readonly segments: ReadonlyMap<bigint, Place>;
  /** The query-nodes that serve the segments, each once. */
  readonly nodes: readonly bigint[];
  /** Rows of the shard at each of them. */
  readonly rows: ReadonlyMap<bigint, bigint>;
}

/** What one shard serves after a round. */
export interface ShardTarget {
  readonly collectionId: bigint;
  readonly vchannel: string;
  /** The owner of the channel; 0n: it has none yet. */
  readonly serverId: bigint;
  readonly version: bigint;
  /** The query-node that serves each segment. */
  readonly segments: ReadonlyMap<bigint, bigint>;
  readonly rowCountOf?: (segmentId: bigint) => bigint;
  /** Segments that a client wanted where they are. */
  readonly wished?: ReadonlySet<bigint>;
}

/** Who is there now. */
export interface PresentNodes {
  /** The owner of the channel; 0n: it has none. */
  readonly ownerServerId: bigint;
  readonly queryNodes: ReadonlySet<bigint>;
}

const NO_NODES: readonly bigint[] = [];
const noRows = (): bigint => 0n;

export class Distribution {
  readonly #channels = new Map<string, ChannelPlace>();
  /** Names of the channels of each collection: every read asks for those of its own, however many collections there are. */
  readonly #names = new Map<bigint, readonly string[]>();

  /** Rows at each query-node, of all shards. */
  readonly #rows = new Map<bigint, bigint>();

  served(target: ShardTarget): void {
    const { collectionId, vchannel, serverId, version, segments, wished, rowCountOf = noRows } = target;
    const before = this.#channels.get(vchannel);
    if (before !== undefined && before.version > version) return;
    // One that stays where it was keeps the version that brought it there.
    const placeOf = (segmentId: bigint, node: bigint): Place => {
      const place = before?.segments.get(segmentId);
      if (wished?.has(segmentId) === true) return { serverId: node, version, isWished: true };
      return place?.serverId === node ? place : { serverId: node, version };
    };
    const places = settledMap([...segments].map(([id, node]) => [id, placeOf(id, node)] as const));
    const nodes = segments.size === 0 ? NO_NODES : [...new Set(segments.values())];
    const rows = new Map<bigint, bigint>();
    for (const [id, node] of segments) rows.set(node, (rows.get(node) ?? 0n) + rowCountOf(id));
    this.#forget(vchannel);
    this.#count(rows, 1n);
    this.#channels.set(vchannel, {
      ...{ collectionId, serverId, version, nodes },
      segments: places,
      rows: settledMap(rows),
    });
    const names = this.#names.get(collectionId) ?? [];
    if (!names.includes(vchannel)) this.#names.set(collectionId, [...names, vchannel]);
  }

  released(collectionId: bigint): void {
    for (const vchannel of this.#names.get(collectionId) ?? []) this.#forget(vchannel);
    this.#names.delete(collectionId);
  }

  #forget(vchannel: string): void {
    const channel = this.#channels.get(vchannel);
    if (channel === undefined) return;
    this.#count(channel.rows, -1n);
    this.#channels.delete(vchannel);
  }

  #count(rows: ReadonlyMap<bigint, bigint>, sign: bigint): void {
    for (const [node, count] of rows) {
      const all = (this.#rows.get(node) ?? 0n) + sign * count;
      if (all === 0n) this.#rows.delete(node);
      else this.#rows.set(node, all);
    }
  }

  /** Rows that a query-node serves, of all collections. */
  rowsAt(node: bigint): bigint {
    return this.#rows.get(node) ?? 0n;
  }

  /** The shard does not serve what it was given: its next round begins anew. Other shards go on as they are. */
  lost(collectionId: bigint, vchannel: string): void {
    this.#forget(vchannel);
    const names = (this.#names.get(collectionId) ?? []).filter((name) => name !== vchannel);
    if (names.length === 0) this.#names.delete(collectionId);
    else this.#names.set(collectionId, names);
  }

  /** Whether a segment is still served that was: its query-node is there, and the owner that brought it there has the channel. */
  isHeld(vchannel: string, segmentId: bigint, { ownerServerId, queryNodes }: PresentNodes): boolean {
    const channel = this.#channels.get(vchannel);
    const place = channel?.segments.get(segmentId);
    if (channel === undefined || place === undefined || channel.serverId !== ownerServerId) return false;
    return place.serverId === ANY_NODE || queryNodes.has(place.serverId);
  }

  channel(vchannel: string): Place | undefined {
    return this.#channels.get(vchannel);
  }

  segment(vchannel: string, segmentId: bigint): Place | undefined {
    return this.#channels.get(vchannel)?.segments.get(segmentId);
  }

  /** The query-nodes that serve a shard's segments, each once. */
  nodesOf(vchannel: string): readonly bigint[] {
    return this.#channels.get(vchannel)?.nodes ?? [];
  }

  /** The query-nodes that serve a collection's segments, each once. */
  nodesOfCollection(collectionId: bigint): readonly bigint[] {
    const channels = this.#names.get(collectionId) ?? [];
    return [...new Set(channels.flatMap((vchannel) => this.nodesOf(vchannel)))];
  }

  /** Collections with segments at query-nodes that are not there any more. */
  stranded(nodes: readonly { readonly serverId: bigint }[]): readonly bigint[] {
    const there = new Set([ANY_NODE, ...nodes.map(({ serverId }) => serverId)]);
    if ([...this.#rows.keys()].every((node) => there.has(node))) return [];
    return [...this.#names.keys()].filter((id) =>
      this.nodesOfCollection(id).some((node) => !there.has(node)),
    );
  }

  channelsOf(collectionId: bigint): readonly (readonly [string, Place])[] {
    const channels: (readonly [string, Place])[] = [];
    for (const vchannel of this.#names.get(collectionId) ?? []) {
      const place = this.#channels.get(vchannel);
      if (place !== undefined) channels.push([vchannel, place]);
    }
    return channels;
  }
}
