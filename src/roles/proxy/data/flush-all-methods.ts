// Flush of all collections at once. Its time is taken before anything is sealed: every write that was acknowledged before the call is older,
// and every seal is younger, so a collection is done when the checkpoints of its channels have passed that one time.
import { ElanusError } from '#base/errors.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type { Status } from '#proto/milvus/common.js';
import type { FlushAllTarget } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { awaitFiles, withinFlushWait } from './flushed-files.js';

type FlushAllParts = Pick<
  ProxyParts,
  'platform' | 'definitions' | 'dataCoord' | 'rootCoord' | 'streamingNode'
>;

/** Collections that are sealed, or asked for, at the same time. */
const AT_ONCE = 8;

interface Wanted {
  /** Empty: all. */
  readonly dbName: string;
  readonly flushTargets: readonly FlushAllTarget[];
}

export class FlushAllMethods {
  readonly #parts: FlushAllParts;

  constructor(parts: FlushAllParts) {
    this.#parts = parts;
  }

  readonly flushAll: PublicHandler<'flushAll'> = async (request, context) => {
    const { definitions, rootCoord } = this.#parts;
    const { timestamp } = await rootCoord.allocTimestamp({ count: 1 }, context);
    const records = await this.#collections(request, context);
    const results = new Map<string, object[]>();
    const sealed: CollectionRecord[] = [];
    await eachOf(records, async (record) => {
      const { id, database, schema } = record;
      const name = schema?.name ?? '';
      const flushed = await unlessDropped(definitions.flushCollection({ database, name, id }, context));
      if (flushed === undefined) return;
      sealed.push(record);
      const result = {
        collectionName: name,
        segmentIds: packed(flushed.segmentIds),
        flushSegmentIds: packed(flushed.flushedSegmentIds),
        sealTime: flushed.timeOfSeal,
        flushTs: timestamp,
      };
      results.set(database, [...(results.get(database) ?? []), result]);
    });
    await this.#awaitFiles(sealed, timestamp, context);
    const pchannels = [...new Set(records.flatMap(({ vchannels }) => vchannels.map(physicalOf)))].sort();
    const properties = { timestamp: String(timestamp) };
    return {
      flushAllTs: timestamp,
      flushResults: [...results].map(([dbName, collectionResults]) => ({ dbName, collectionResults })),
      flushAllMsgs: Object.fromEntries(pchannels.map((name) => [name, { properties }])),
      clusterInfo: { pchannels },
    };
  };

  /** Clients that find it done at their first question ask no second time, after a pause of their own. */
  async #awaitFiles(
    records: readonly CollectionRecord[],
    timestamp: bigint,
    context: CallContext,
  ): Promise<void> {
    await withinFlushWait(this.#parts, context, (until) =>
      eachOf(records, ({ vchannels }) =>
        awaitFiles(this.#parts, vchannels, timestamp, until).catch((error: unknown) => {
          // All is sealed: one that was dropped meanwhile, or is away, does not make a failure of the others' flush. GetFlushAllState names it.
          if (!(error instanceof ElanusError) || error.key === 'deadline_exceeded') throw error;
        }),
      ),
    );
  }

  readonly getFlushAllState: PublicHandler<'getFlushAllState'> = async (request, context) => {
    const { dataCoord } = this.#parts;
    const flushTs = Object.values(request.flushAllTss).reduce(
      (newest, time) => (time > newest ? time : newest),
      request.flushAllTs,
    );
    const states = new Map<string, Record<string, boolean>>();
    const records = await this.#collections(request, context);
    let isFlushed = true;
    let waiting: Status | undefined;
    await eachOf(records, async ({ id, database, schema, createdTimestamp }) => {
      // What came later has nothing from before.
      const state =
        createdTimestamp > flushTs
          ? undefined
          : await dataCoord.getFlushState({ collectionID: id, flushTs }, context);
      const done = state?.flushed ?? true;
      if (!done) waiting ??= state?.status;
      isFlushed &&= done;
      states.set(database, { ...states.get(database), [schema?.name ?? '']: done });
    });
    return {
      flushed: isFlushed,
      status: waiting,
      flushStates: [...states].map(([dbName, collectionFlushStates]) => ({ dbName, collectionFlushStates })),
    };
  };

  /** Those that the request names by the deprecated fields, else all of all databases. @throws database_not_found, collection_not_found */
  async #collections(
    { dbName, flushTargets }: Wanted,
    context: CallContext,
  ): Promise<readonly CollectionRecord[]> {
    const { definitions } = this.#parts;
    if (flushTargets.length === 0 && dbName !== '')
      return (await definitions.listCollections({ database: dbName }, context)).collections;
    const databases =
      flushTargets.length > 0
        ? flushTargets.map((target) => ({ name: target.dbName, names: target.collectionNames }))
        : (await definitions.listDatabases({}, context)).databases.map(({ name }) => ({ name, names: [] }));
    const records = new Map<bigint, CollectionRecord>();
    for (const { name, names } of databases) {
      const { collections } = await definitions.listCollections({ database: name }, context);
      for (const wanted of names)
        if (!collections.some((record) => isNamed(record, wanted))) throw absent(name, wanted);
      for (const record of collections)
        if (names.length === 0 || names.some((wanted) => isNamed(record, wanted)))
          records.set(record.id, record);
    }
    return [...records.values()];
  }
}

async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const one = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, one));
}

const unlessDropped = async <T>(call: Promise<T>): Promise<T | undefined> => {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'collection_not_found') return undefined;
    throw error;
  }
};

const isNamed = ({ schema, aliases }: CollectionRecord, name: string): boolean =>
  schema?.name === name || aliases.includes(name);
const absent = (database: string, name: string): ElanusError =>
  new ElanusError(
    'collection_not_found',
    `collection not found[database=${database || 'default'}][collection=${name}]`,
  );
const physicalOf = (vchannel: string): string => vchannel.slice(0, vchannel.lastIndexOf('_'));
const packed = (ids: readonly bigint[]) => ({
  data: encodeInt64s(new Uint8Array(BigInt64Array.from(ids).buffer)),
});
