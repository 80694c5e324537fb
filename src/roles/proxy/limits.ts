// What properties of collections and databases refuse: databases that are closed for reads or writes, rates above their limit, files above
// their quota. Each proxy counts what goes through it. A rate is a bucket that fills with time and holds one second of it: a request takes
// what it is and goes when there is anything in the bucket, so one that is larger than a second goes too, and the next ones wait for it.
import { ElanusError } from '#base/errors.js';
import { diskQuota, isDenied, type RateName, rateLimit } from '#model/properties/limits.js';
import type { Clock } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type { ChannelRegistryDefinition, DefinitionsDefinition } from '#proto/elanus/roles.js';
import type { Client } from '#rpc/service.js';

export interface Bucket {
  /** May be below 0. */
  tokens: number;
  filledMs: number;
}

/** Buckets and sizes that are kept; beyond it those that were not asked for longest go, which forgets at most a second. */
const KEPT_MAX = 4096;
/** How old a known size of files may be, in ms. */
const SIZE_MS_MAX = 1000;

/** Whether there is anything left, after filling it up to now. Takes the amount when there is. */
export function take(bucket: Bucket, perSecond: number, amount: number, nowMs: number): boolean {
  const filled = bucket.tokens + ((nowMs - bucket.filledMs) / 1000) * perSecond;
  bucket.tokens = Math.min(perSecond, filled);
  bucket.filledMs = nowMs;
  if (!(bucket.tokens > 0)) return false;
  bucket.tokens -= amount;
  return true;
}

interface LimitParts {
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly clock: Clock;
}

/** What of a collection decides. */
interface Limited {
  readonly record: CollectionRecord;
  readonly database: string;
  readonly databaseProperties: Readonly<Record<string, string>>;
}

export class Limits {
  readonly #parts: LimitParts;
  readonly #buckets = new Map<string, Bucket>();
  readonly #sizes = new Map<bigint, { readonly bytes: number; readonly knownMs: number }>();

  constructor(parts: LimitParts) {
    this.#parts = parts;
  }

  /** @throws quota_exceeded */
  checkReading({ databaseProperties }: Limited): void {
    if (isDenied(databaseProperties, 'reading')) throw accessDisabled();
  }

  /** @throws quota_exceeded */
  checkWriting({ databaseProperties }: Limited): void {
    if (isDenied(databaseProperties, 'writing')) throw accessDisabled();
  }

  /** All that holds for rows that are added. @throws quota_exceeded, rate_limit */
  async checkAdding(collection: Limited, name: RateName, bytes: number, context: CallContext): Promise<void> {
    this.checkWriting(collection);
    await this.checkRoom(collection, context);
    this.checkRate(collection, name, bytes);
  }

  /** Before rows are added: the files leave room. @throws quota_exceeded */
  async checkRoom(collection: Limited, context: CallContext): Promise<void> {
    const { record, databaseProperties } = collection;
    const own = diskQuota(record.properties, 'collection');
    if (own !== undefined && (await this.#bytesOf([record.id], context)) >= own) throw diskFull();
    const all = diskQuota(databaseProperties, 'database');
    if (all === undefined) return;
    const { collections } = await this.#parts.definitions.listCollections(
      { database: collection.database },
      context,
    );
    const ids = collections.map(({ id }) => id);
    if ((await this.#bytesOf(ids, context)) >= all) throw diskFull();
  }

  isLimited({ record }: Limited, name: RateName): boolean {
    return rateLimit(record.properties, name) !== undefined;
  }

  /** @param amount bytes, queries or query vectors @throws rate_limit */
  checkRate({ record }: Limited, name: RateName, amount: number): void {
    const perSecond = rateLimit(record.properties, name);
    if (perSecond === undefined) return;
    const nowMs = this.#parts.clock.monotonic();
    const key = `${record.id} ${name}`;
    const bucket = this.#buckets.get(key) ?? { tokens: perSecond, filledMs: nowMs };
    keep(this.#buckets, key, bucket);
    if (take(bucket, perSecond, amount, nowMs)) return;
    throw new ElanusError(
      'rate_limit',
      `request is rejected by the rate limiter, please retry later: rate limit exceeded[rate=${perSecond}]: ${name} of collection ${record.schema?.name}`,
    );
  }

  /** Files as data-coord names them; what still grows comes to it with the next flush. */
  async #bytesOf(collectionIds: readonly bigint[], context: CallContext): Promise<number> {
    const { clock, channelRegistry } = this.#parts;
    let sum = 0;
    for (const collectionId of collectionIds) {
      const nowMs = clock.monotonic();
      let size = this.#sizes.get(collectionId);
      if (size === undefined || nowMs - size.knownMs >= SIZE_MS_MAX) {
        const { segments } = await channelRegistry.listSegments({ collectionId }, context);
        const bytes = segments
          .flatMap(({ files }) => files)
          .reduce((all, file) => all + Number(file.bytes), 0);
        size = { bytes, knownMs: nowMs };
        keep(this.#sizes, collectionId, size);
      }
      sum += size.bytes;
    }
    return sum;
  }
}

function keep<K, V>(kept: Map<K, V>, key: K, value: V): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next();
  if (kept.size > KEPT_MAX && oldest.done !== true) kept.delete(oldest.value);
}

export const accessDisabled = (): ElanusError =>
  new ElanusError(
    'quota_exceeded',
    'quota exceeded[reason=access has been disabled by the administrator]; ask for the property database.force.deny to be taken back',
  );
const diskFull = (): ElanusError =>
  new ElanusError(
    'quota_exceeded',
    'quota exceeded[reason=disk quota exceeded, please allocate more resources]; raise the quota, or drop something',
  );
