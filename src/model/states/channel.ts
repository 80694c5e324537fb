// A channel (the shard of a collection), as data-coord's catalog knows it.
//
//                create collection            a streaming-node takes over (one has: the channel is owned from the beginning)
//   (none) ──────────────────────▶ unowned ─────────────────────────▶ owned ──┐ another one takes over, under a higher epoch
//                                     │                                  ▲  └──┘
//                                     └───── drop collection ───────▶ (record gone)
//
// data-coord moves it, always in one transaction with what the move rests on. The epoch never falls, nor do
// the checkpoint and the time from which reads are whole.

import { assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import type { ChannelRecord } from '#proto/elanus/data.js';

type ChannelFacts = Readonly<Omit<ChannelRecord, 'ownerServerId'>>;
/** It has an epoch all the same: the newest that was there when it came to be. */
export type UnownedChannel = ChannelFacts & { readonly state: 'unowned' };
export type OwnedChannel = ChannelFacts & { readonly state: 'owned'; readonly ownerServerId: bigint };
export type Channel = UnownedChannel | OwnedChannel;

export type ChannelEvent =
  | { readonly kind: 'acquire'; readonly serverId: bigint; readonly epoch: bigint }
  /** Every record before it is in files. A report may come late: the checkpoint that goes further stays. */
  | { readonly kind: 'checkpoint'; readonly lsn: bigint; readonly timestamp: bigint }
  | { readonly kind: 'drop_partition'; readonly partitionId: bigint }
  /** Records are forgotten of segments of which nothing was left: reads at an earlier time miss their rows. */
  | { readonly kind: 'rows_forgotten'; readonly readableFrom: bigint };

/** The one place where a channel changes. @throws channel_moved for an owner that came too late */
export function moveChannel(from: Channel, event: ChannelEvent): Channel {
  switch (event.kind) {
    case 'acquire':
      if (from.epoch > event.epoch) {
        const fact = `channel ${from.vchannel} has epoch ${from.epoch}, this owner got ${event.epoch}`;
        throw new ElanusError('channel_moved', `${fact}; another node took over meanwhile`);
      }
      return {
        ...from,
        state: 'owned',
        ownerServerId: event.serverId,
        epoch: event.epoch,
        // Flushes of the owner before it are refused from here on: none can bring rows of a dropped partition.
        droppedPartitionIds: [],
      };
    case 'checkpoint':
      return {
        ...from,
        checkpointLsn: maxOf(event.lsn, from.checkpointLsn),
        checkpointTimestamp: maxOf(event.timestamp, from.checkpointTimestamp),
      };
    case 'drop_partition':
      if (from.droppedPartitionIds.includes(event.partitionId)) return from;
      return { ...from, droppedPartitionIds: [...from.droppedPartitionIds, event.partitionId] };
    case 'rows_forgotten':
      return { ...from, readableFrom: maxOf(event.readableFrom, from.readableFrom) };
    default:
      return assertNever(event);
  }
}

/** No state is written: a server id of 0 says that there is no owner. */
export function parseChannel(record: ChannelRecord): Channel {
  const { ownerServerId, ...rest } = record;
  const facts = { ...rest, schema: rest.schema && sharedSchema(rest.schema) };
  return ownerServerId === 0n ? { ...facts, state: 'unowned' } : { ...facts, state: 'owned', ownerServerId };
}

/** The record of a channel, as it is written and sent. */
export function channelRecord(channel: Channel): ChannelRecord {
  switch (channel.state) {
    case 'unowned': {
      const { state, ...facts } = channel;
      return { ...facts, ownerServerId: 0n };
    }
    case 'owned': {
      const { state, ...record } = channel;
      return record;
    }
    default:
      return assertNever(channel);
  }
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
