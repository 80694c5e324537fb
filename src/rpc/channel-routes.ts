// Who owns which channel, for calls about a channel when several nodes run the role: looked up at data-coord once, kept until a call says
// that it is not so any more. A route that is wrong costs a call, never data: owners are fenced by their epoch, not by this table.
import { ElanusError } from '#base/errors.js';

export interface ChannelOwner {
  readonly vchannel: string;
  readonly ownerServerId: bigint;
  readonly epoch: bigint;
}

/** The owners of all channels of the collection that the channel belongs to. */
export type OwnerLookUp = (collectionId: bigint) => Promise<readonly ChannelOwner[]>;

/** Channels that are remembered; beyond, all are forgotten and looked up again. */
const ROUTES_MAX = 65_536;

export class ChannelRoutes {
  readonly #lookUp: OwnerLookUp;
  readonly #owners = new Map<string, ChannelOwner>();

  constructor(lookUp: OwnerLookUp) {
    this.#lookUp = lookUp;
  }

  /** An older epoch never takes the place of a newer one: answers may overtake each other. */
  note(owner: ChannelOwner): void {
    const known = this.#owners.get(owner.vchannel);
    if (known !== undefined && known.epoch > owner.epoch) return;
    if (this.#owners.size >= ROUTES_MAX) this.#owners.clear();
    this.#owners.set(owner.vchannel, owner);
  }

  forget(vchannel: string): void {
    this.#owners.delete(vchannel);
  }

  /** @throws channel_not_available nobody owns it now; what the look-up throws */
  async ownerOf(vchannel: string): Promise<bigint> {
    if (!this.#owners.has(vchannel))
      for (const owner of await this.#lookUp(collectionOf(vchannel))) this.note(owner);
    const owner = this.#owners.get(vchannel);
    if (owner !== undefined && owner.ownerServerId !== 0n) return owner.ownerServerId;
    this.forget(vchannel);
    throw new ElanusError('channel_not_available', `channel ${vchannel} has no owner (yet); try again`);
  }
}

/** The collection's id in `{physical channel}_{collection}v{shard}`. */
function collectionOf(vchannel: string): bigint {
  const id = /_(\d+)v\d+$/.exec(vchannel)?.[1];
  if (id === undefined)
    throw new ElanusError(
      'channel_not_found',
      `channel ${vchannel} is none: its name ends with the id of its collection and its shard`,
    );
  return BigInt(id);
}

/** What says that a call went to the wrong node, or to one that is gone. */
export const isMisrouted = (error: unknown): boolean =>
  error instanceof ElanusError &&
  (error.key === 'channel_not_available' ||
    error.key === 'channel_moved' ||
    error.key === 'node_mismatch' ||
    error.key === 'wal_fenced' ||
    error.key === 'service_unavailable');
