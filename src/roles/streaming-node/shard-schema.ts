// By which schema a shard works. root-coord has the schema; a shard holds a copy, and every request names the version against which it was
// checked: a shard that is behind fetches the schema before it does anything for the request. So a change of a schema is one record of the
// catalog, and no notice of it is needed.
//
// Order of taking a newer one: sealed segments that are served, then, between two groups of changes, growing ones and the shard itself. A
// request that wants the new fields waits for all of it; older requests go on meanwhile and find what they know. What fails half-way leaves
// the shard at the old version with some fields more, and the next request tries again. A version never goes back.
import { Mutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import type { CallContext } from '#platform/transport.js';
import type { ChannelAssignment } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ShardReader } from '#roles/streaming-node/reads/shard-reader.js';
import type { PhysicalChannel } from './physical-channel.js';
import type { Shard } from './shard.js';

export interface ShardSchemaParts {
  readonly shard: Shard;
  readonly reader: ShardReader;
  readonly physical: PhysicalChannel;
  /** The schema of a collection as root-coord has it now. */
  readonly describe: (collectionId: bigint) => Promise<CollectionSchema>;
}

export class ShardSchema {
  readonly #parts: ShardSchemaParts;
  readonly #turns = new Mutex();

  constructor(parts: ShardSchemaParts) {
    this.#parts = parts;
  }

  /** Whether a request that was checked against this version has to wait. */
  isBehind(version: number): boolean {
    return version > this.#parts.shard.schema.version;
  }

  /** Returns once the shard works by that version or a newer one. @throws what keeps it from it; deadline_exceeded */
  async reach(version: number, { signal }: CallContext): Promise<void> {
    const { shard, describe } = this.#parts;
    const reached = this.#turns.run(async () => {
      if (!this.isBehind(version)) return;
      const schema = await describe(shard.channel.collectionId);
      if (schema.version < version)
        throw new ElanusError(
          'service_not_ready',
          `channel ${shard.channel.vchannel}: the schema is known in version ${schema.version}, the request wants ${version}; try again`,
        );
      await this.#take(schema);
    });
    await unlessAborted(reached, signal, () => notInTime(shard.channel.vchannel));
  }

  /** Takes a schema that came with a message, when it is newer. */
  follow(schema: CollectionSchema | undefined): Promise<void> {
    if (schema === undefined || !this.isBehind(schema.version)) return Promise.resolve();
    return this.#turns.run(async () => {
      if (this.isBehind(schema.version)) await this.#take(schema);
    });
  }

  async #take(schema: CollectionSchema): Promise<void> {
    const { shard, reader, physical } = this.#parts;
    await reader.followSchema(schema);
    await physical.between(() => shard.followSchema(schema));
  }
}

/**
 * The schema of a channel's record is that of its creation. Logs are replayed by the newest: every record in them was made by it or by an
 * older one, since a schema is in the catalog before anybody writes by it. Of a collection that is being dropped there is none any more.
 */
export async function withNewestSchemas(
  assignments: readonly ChannelAssignment[],
  describe: ShardSchemaParts['describe'],
): Promise<ChannelAssignment[]> {
  const newest = new Map<bigint, Promise<CollectionSchema | undefined>>();
  const schemaOf = (id: bigint): Promise<CollectionSchema | undefined> => {
    const known = newest.get(id) ?? describe(id).catch(unlessGone);
    newest.set(id, known);
    return known;
  };
  const withSchemas: ChannelAssignment[] = [];
  for (const assignment of assignments) {
    const { channel } = assignment;
    const schema = channel && (await schemaOf(channel.collectionId));
    withSchemas.push(
      channel === undefined || schema === undefined
        ? assignment
        : { ...assignment, channel: { ...channel, schema } },
    );
  }
  return withSchemas;
}

function unlessGone(error: unknown): undefined {
  if (error instanceof ElanusError && error.key === 'collection_not_found') return undefined;
  throw error;
}

const notInTime = (vchannel: string): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `channel ${vchannel}: the new schema was not taken before the deadline; try again`,
  );
