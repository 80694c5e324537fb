// The query-node that holds a segment for a shard, and how calls about the segment come to it.
import type { CallContext } from '#platform/transport.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';

/** One object a node among what a shard serves: whether two segments are at one node is a comparison of two references. */
export interface Holder {
  /** 0n: whichever query-node is asked first. */
  readonly serverId: bigint;
  /** Calls that name nobody come to it. */
  readonly isNearest: boolean;
}

/** Segments of a read that one node holds. */
export interface HeldPart {
  readonly holder: Holder;
  readonly segmentIds: bigint[];
}

/** The sealed segments of a read, each at exactly one node. */
export interface SealedView {
  readonly sealedIds: readonly bigint[];
  /** It has the first segment, and all where there are no parts; undefined: there are no segments. */
  readonly holder: Holder | undefined;
  /** Where several nodes hold them; nearly always one does. */
  readonly sealedParts: readonly HeldPart[] | undefined;
}

interface Held {
  readonly holder: Holder;
}

/** No node is known: calls go to whichever is asked first. */
const ANY_NODE = 0n;

/** @param ownId of this process: a query-node in it is asked first */
export const holderAt = (serverId: bigint, ownId: bigint): Holder => ({
  serverId,
  isNearest: serverId === ANY_NODE || serverId === ownId,
});

/** The holders of segments, each by its one object. */
export class Holders {
  readonly #known = new Map<bigint, Holder>();
  readonly #ownId: bigint;

  constructor(served: Iterable<Held>, ownId: bigint) {
    this.#ownId = ownId;
    for (const { holder } of served) this.#known.set(holder.serverId, holder);
  }

  at(serverId: bigint): Holder {
    const known = this.#known.get(serverId);
    if (known !== undefined) return known;
    const holder = holderAt(serverId, this.#ownId);
    this.#known.set(serverId, holder);
    return holder;
  }
}

/** The context of a call to the node. Nearly always a process has its own, and the context stays as it is. */
export const contextAt = ({ isNearest, serverId }: Holder, context: CallContext): CallContext =>
  isNearest
    ? context
    : { ...context, metadata: { ...context.metadata, [SERVER_ID_HEADER]: String(serverId) } };

/** Segments by the nodes that hold them. */
export function heldParts(ids: Iterable<bigint>, holderOf: (id: bigint) => Holder | undefined): HeldPart[] {
  const parts: HeldPart[] = [];
  for (const id of ids) {
    const holder = holderOf(id);
    if (holder === undefined) continue;
    const part = parts.find((one) => one.holder === holder);
    if (part === undefined) parts.push({ holder, segmentIds: [id] });
    else part.segmentIds.push(id);
  }
  return parts;
}

export function sealedPartsOf({ sealedIds, holder, sealedParts }: SealedView): readonly HeldPart[] {
  if (sealedParts !== undefined) return sealedParts;
  return holder === undefined ? [] : [{ holder, segmentIds: [...sealedIds] }];
}
