// Calls that make and change a collection: created with its indexes and loaded, compared with its declaration, dropped, loaded, flushed.
import { ERROR_KIND } from '#base/error-kind.js';
import type { Caller, CallOptions } from '#client/caller.js';
import { ClientError, NotFoundError, SchemaMismatchError } from '#client/errors.js';
import { int64sOf } from '#client/rows/columns-out.js';
import type { AnyDeclaration } from '#client/schema/collection.js';
import {
  type Difference,
  differencesOf,
  differenceText,
  type FoundCollection,
  type Mend,
} from '#client/schema/differences.js';
import {
  type DeclaredIndex,
  declaredProperties,
  fieldBytes,
  indexesOf,
  indexParams,
  pairsOf,
  schemaBytes,
  structMessage,
} from '#client/schema/messages.js';
import type { Fields } from '#client/schema/row-types.js';
import type { DescribeCollectionResponse } from '#proto/milvus/milvus.js';

export interface EnsureOptions extends CallOptions {
  /** `additive`: fields, indexes and properties that are missing are added, lengths grow. Else each difference is an error. */
  readonly apply?: 'none' | 'additive';
  /**
   * `allow`: fields of the server that are not declared and need no value, and lengths that are larger there, are no difference: a newer
   * version of the program may have added them.
   */
  readonly newer?: 'refuse' | 'allow';
  /** `false`: the collection is not loaded. */
  readonly load?: boolean;
}

/** The declaration and the server's collection differ. */
export class DifferenceError extends SchemaMismatchError {
  static override readonly [ERROR_KIND]: string = 'DifferenceError';
  override readonly name: string = 'DifferenceError';
  readonly differences: readonly Difference[];

  constructor(collection: string, differences: readonly Difference[]) {
    const list = differences.map((one) => `\n- ${differenceText(one)}`).join('');
    const reason = `collection ${collection} is not as declared:${list}`;
    super({ code: 109, reason, isRetriable: false, call: 'ensure' });
    this.differences = differences;
  }
}

const LOAD_POLL_MS = 20;
const LOAD_POLL_MAX_MS = 500;
const FLUSH_POLL_MS = 20;
const FLUSH_POLL_MAX_MS = 200;
const LOADED = 100n;

export class DefinitionCalls<F extends Fields, Dynamic extends boolean> {
  readonly declaration: AnyDeclaration<F, Dynamic>;
  protected readonly caller: Caller;
  /** Whose rows writes and reads are about; undefined: the collection has no namespaces. */
  protected readonly rowsOf: string | undefined;

  constructor(caller: Caller, declaration: AnyDeclaration<F, Dynamic>, namespace?: string) {
    this.caller = caller;
    this.declaration = declaration;
    this.rowsOf = namespace;
  }

  get name(): string {
    return this.declaration.name;
  }

  /** Creates the collection with its indexes and loads it. @throws ClientError when another collection of the name is there */
  async create(options: EnsureOptions = {}): Promise<void> {
    const { settings } = this.declaration;
    await this.caller.call(
      'createCollection',
      {
        collectionName: this.name,
        schema: await schemaBytes(this.declaration),
        shardsNum: settings.shards ?? 1,
        consistencyLevel: 2,
        properties: pairsOf(declaredProperties(this.declaration)),
        numPartitions: BigInt(settings.partitions ?? 0),
      },
      options,
    );
    // Those of vectors come last: where all of these are there, the creation was not cut short.
    const indexes = indexesOf(this.declaration).sort((a, b) => Number(a.isVector) - Number(b.isVector));
    for (const index of indexes) await this.#createIndex(index, options);
    if (options.load !== false) await this.load(options);
  }

  /**
   * Creates the collection, or checks that the one of the server is as declared, and loads it. A creation that was cut short is finished.
   * @returns what was added
   * @throws DifferenceError with every difference that stays; nothing is changed then
   */
  async ensure(options: EnsureOptions = {}): Promise<readonly Difference[]> {
    const differences = await this.differences(options);
    if (differences === undefined) {
      await this.create(options);
      return [];
    }
    const counted = differences.filter(({ isNewer }) => !(isNewer && options.newer === 'allow'));
    const isCutShort = counted.some(({ isUnfinished }) => isUnfinished);
    const mayMend = ({ mend }: Difference): boolean =>
      mend !== undefined && (options.apply === 'additive' || (isCutShort && mend.kind === 'create index'));
    const left = counted.filter((difference) => !mayMend(difference));
    if (left.length > 0) throw new DifferenceError(this.name, left);
    for (const { mend } of counted) if (mend !== undefined) await this.#apply(mend, options);
    if (options.load !== false) await this.load(options);
    return counted;
  }

  /** What the declaration and the server say differently; undefined: there is no such collection. */
  async differences(options: CallOptions = {}): Promise<readonly Difference[] | undefined> {
    const found = await this.#found(options);
    return found === undefined ? undefined : differencesOf(this.declaration, found);
  }

  async exists(options: CallOptions = {}): Promise<boolean> {
    return (await this.#described(options)) !== undefined;
  }

  /** Drops the collection with all its rows; nothing happens when it is not there. */
  async drop(options: CallOptions = {}): Promise<void> {
    await this.caller.call('dropCollection', { collectionName: this.name }, options);
  }

  /** Deletes all rows at once. */
  async truncate(options: CallOptions = {}): Promise<void> {
    await this.caller.call('truncateCollection', { collectionName: this.name }, options);
  }

  /** Ends when the collection can be searched. */
  async load(options: CallOptions = {}): Promise<void> {
    await this.caller.call('loadCollection', { collectionName: this.name, replicaNumber: 1 }, options);
    await this.awaitLoaded([], options);
  }

  /** @param partitions none: the whole collection. @throws DeadlineError */
  protected async awaitLoaded(partitions: readonly string[], options: CallOptions): Promise<void> {
    const request = { collectionName: this.name, partitionNames: [...partitions] };
    await this.#poll('load', options, [LOAD_POLL_MS, LOAD_POLL_MAX_MS], async () => {
      const { progress } = await this.caller.call('getLoadingProgress', request, options);
      return progress >= LOADED;
    });
  }

  async release(options: CallOptions = {}): Promise<void> {
    await this.caller.call('releaseCollection', { collectionName: this.name }, options);
  }

  /** Ends when all rows that were written before are in files. */
  async flush(options: CallOptions = {}): Promise<void> {
    const name = this.name;
    const { collSegIDs, collFlushTs } = await this.caller.call('flush', { collectionNames: [name] }, options);
    const segments = collSegIDs[name]?.data;
    const segmentIDs = segments === undefined ? [] : [...int64sOf(segments, 'segments')];
    const request = { collectionName: name, segmentIDs, flushTs: collFlushTs[name] ?? 0n };
    await this.#poll('flush', options, [FLUSH_POLL_MS, FLUSH_POLL_MAX_MS], async () => {
      const { flushed } = await this.caller.call('getFlushState', request, options);
      return flushed;
    });
  }

  /** Asks until it is so, with longer and longer pauses. */
  async #poll(
    call: string,
    options: CallOptions,
    [minMs, maxMs]: readonly [number, number],
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    const deadlineMs = this.caller.deadlineOf(options);
    for (let pauseMs = minMs; !(await isDone()); pauseMs = Math.min(maxMs, pauseMs * 2)) {
      if (this.caller.clock.now() + pauseMs >= deadlineMs) throw overdue(call, this.name);
      await this.caller.pause(call, pauseMs, options.signal);
    }
  }

  async #described(options: CallOptions): Promise<DescribeCollectionResponse | undefined> {
    try {
      return await this.caller.call('describeCollection', { collectionName: this.name }, options);
    } catch (error) {
      if (error instanceof NotFoundError && error.code === 100) return undefined;
      throw error;
    }
  }

  async #found(options: CallOptions): Promise<FoundCollection | undefined> {
    const described = await this.#described(options);
    if (described?.schema === undefined) return undefined;
    const { schema, properties } = described;
    return { schema, properties, indexes: await this.#indexes(options) };
  }

  async #indexes(options: CallOptions): Promise<FoundCollection['indexes']> {
    try {
      const request = { collectionName: this.name };
      return (await this.caller.call('describeIndex', request, options)).indexDescriptions;
    } catch (error) {
      if (error instanceof NotFoundError && error.code === 700) return [];
      throw error;
    }
  }

  async #createIndex(index: DeclaredIndex, options: CallOptions): Promise<void> {
    const { field, name } = index;
    const extraParams = indexParams(index);
    const request = { collectionName: this.name, fieldName: field, indexName: name, extraParams };
    await this.caller.call('createIndex', request, options);
  }

  async #apply(mend: Mend, options: CallOptions): Promise<void> {
    const collectionName = this.name;
    switch (mend.kind) {
      case 'add field': {
        const schema = await fieldBytes(mend.name, mend.spec);
        await this.caller.call('addCollectionField', { collectionName, schema }, options);
        return;
      }
      case 'add struct': {
        const structArrayFieldSchema = structMessage(mend.name, mend.spec);
        const request = { collectionName, structArrayFieldSchema };
        await this.caller.call('addCollectionStructField', request, options);
        return;
      }
      case 'grow field': {
        const properties = [{ key: mend.key, value: mend.value }];
        const request = { collectionName, fieldName: mend.name, properties };
        await this.caller.call('alterCollectionField', request, options);
        return;
      }
      case 'set property': {
        const properties = [{ key: mend.key, value: mend.value }];
        await this.caller.call('alterCollection', { collectionName, properties }, options);
        return;
      }
      case 'create index':
        await this.#createIndex(mend.index, options);
    }
  }
}

const overdue = (call: string, name: string): ClientError =>
  ClientError.ofDeadline(`${name}: not done within the time of the call; give it a larger timeoutMs`, call);
