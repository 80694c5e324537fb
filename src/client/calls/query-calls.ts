// Reads without a vector: rows by key, by filter, counted, and all of them one after the other.
import type { CallOptions } from '#client/caller.js';
import { ClientError } from '#client/errors.js';
import { Filter } from '#client/filters/filter.js';
import type { FilterValue } from '#client/filters/template-value.js';
import { filterOf } from '#client/filters/where.js';
import { Rows, tableOf } from '#client/rows/results.js';
import type { Fields, Key, KeyName, OutputName, PlainName, Row } from '#client/schema/row-types.js';
import { countVarints } from '#model/columns/packed-array.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { QueryResults } from '#proto/milvus/milvus.js';
import type { FieldData } from '#proto/milvus/schema.js';
import { DefinitionCalls } from './definition-calls.js';
import {
  filterText,
  type Order,
  ofPages,
  orderText,
  paramsOf,
  type ReadOptions,
  readRequest,
} from './read-options.js';

export interface QueryOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends ReadOptions<F, Dynamic, Names> {
  /** At most so many rows, up to 16,384 with the offset. Without `where` there has to be one. */
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** By key when not given. */
  readonly orderBy?: Order<F> | undefined;
}

export interface ScanOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends ReadOptions<F, Dynamic, Names> {
  /** Rows that are asked for at a time, up to 16,384. */
  readonly batch?: number | undefined;
}

/** Rows of a query: those that were asked for, and the key. */
export type QueryRow<F extends Fields, Names extends string, Dynamic extends boolean> = Row<
  F,
  Names | KeyName<F>,
  Dynamic
>;

/** All rows that pass, in the order of their keys, as they were when the scan began. */
export interface Scan<R extends object> extends AsyncIterable<R> {
  /** The same rows, as many at a time as they come. */
  batches(): AsyncIterable<Rows<R>>;
}

const SCAN_BATCH = 1000;
type NoNames<F extends Fields, Dynamic extends boolean> = ReadOptions<F, Dynamic, never>;

export class QueryCalls<F extends Fields, Dynamic extends boolean> extends DefinitionCalls<F, Dynamic> {
  /** The row of a key; undefined: there is none. */
  async get<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    key: Key<F>,
    options: Omit<ReadOptions<F, Dynamic, Names>, 'where'> = {},
  ): Promise<QueryRow<F, Names, Dynamic> | undefined> {
    return (await this.getMany<Names>([key], options)).at(0);
  }

  /** The rows of keys, in the order of keys; keys without a row are left out. */
  async getMany<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    keys: readonly Key<F>[],
    options: Omit<ReadOptions<F, Dynamic, Names>, 'where'> = {},
  ): Promise<Rows<QueryRow<F, Names, Dynamic>>> {
    if (keys.length === 0) return this.#rows<Names>([]);
    const where = new Filter([`${this.declaration.key} in `, ''], [keys as readonly FilterValue[]]);
    return this.query<Names>({ ...options, where });
  }

  async query<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    options: QueryOptions<F, Dynamic, Names> = {},
  ): Promise<Rows<QueryRow<F, Names, Dynamic>>> {
    const { limit, offset, orderBy } = options;
    const params = paramsOf({
      limit,
      offset,
      order_by_fields: orderBy === undefined ? undefined : orderText(orderBy),
    });
    const { fieldsData } = await this.#query(options, filterText(this.declaration, options.where), params);
    return this.#rows<Names>(fieldsData);
  }

  /** How many rows pass. */
  async count(options: Omit<NoNames<F, Dynamic>, 'output'> = {}): Promise<number> {
    const request = {
      ...readRequest(this.caller, this.declaration, { ...options, output: [] }, this.rowsOf),
      ...filterText(this.declaration, options.where),
      outputFields: ['count(*)'],
    };
    const { fieldsData } = await this.caller.call('query', request, options);
    return Number(tableOf(this.declaration, fieldsData, 1).columns.get('count(*)')?.at(0) ?? 0);
  }

  scan<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    options: ScanOptions<F, Dynamic, Names> = {},
  ): Scan<QueryRow<F, Names, Dynamic>> {
    const batches = () => this.#batches<Names>(options);
    return {
      batches,
      async *[Symbol.asyncIterator]() {
        for await (const rows of batches()) yield* rows;
      },
    };
  }

  /** The first page reads now and says when that was; the others ask for the rows as they were then, behind the last key. */
  async *#batches<Names extends string>(
    options: ScanOptions<F, Dynamic, Names>,
  ): AsyncGenerator<Rows<QueryRow<F, Names, Dynamic>>> {
    const { batch = SCAN_BATCH } = options;
    const own = filterOf(this.declaration, options.where);
    let at: { readonly key: FilterValue; readonly timestamp: bigint } | undefined;
    for (;;) {
      const where = at === undefined ? own : this.#behind(at.key, own);
      const params = paramsOf({
        limit: batch,
        iterator: 'True',
        reduce_stop_for_best: 'True',
        guarantee_timestamp: at?.timestamp,
      });
      const read = ofPages(readRequest(this.caller, this.declaration, options, this.rowsOf), at?.timestamp);
      const request = { ...read, ...filterText(this.declaration, where), queryParams: params };
      const { fieldsData, sessionTs } = await this.caller.call('query', request, options);
      const rows = this.#rows<Names>(fieldsData);
      if (rows.length === 0) return;
      yield rows;
      if (rows.length < batch) return;
      at = { key: this.#lastKey(fieldsData, rows.length), timestamp: at?.timestamp ?? sessionTs };
    }
  }

  #behind(key: FilterValue, own: Filter | undefined): Filter {
    const behind = new Filter([`${this.declaration.key} > `, ''], [key]);
    return own === undefined ? behind : behind.and(own);
  }

  #lastKey(fieldsData: readonly FieldData[], count: number): FilterValue {
    const key = tableOf(this.declaration, fieldsData, count)
      .columns.get(this.declaration.key)
      ?.at(count - 1);
    if (typeof key === 'bigint' || typeof key === 'string') return key;
    throw new ClientError({
      code: 5,
      reason: `a page of ${this.declaration.name} has no key; the server must answer it`,
      isRetriable: false,
      call: 'scan',
    });
  }

  async #query<Names extends string>(
    options: ReadOptions<F, Dynamic, Names>,
    filter: ReturnType<typeof filterText>,
    queryParams: KeyValuePair[],
  ): Promise<QueryResults> {
    const request = {
      ...readRequest(this.caller, this.declaration, options, this.rowsOf),
      ...filter,
      queryParams,
    };
    return this.caller.call('query', request, options as CallOptions);
  }

  #rows<Names extends string>(fieldsData: readonly FieldData[]): Rows<QueryRow<F, Names, Dynamic>> {
    const length = rowCountOf(fieldsData, this.declaration.key);
    return new Rows(tableOf(this.declaration, fieldsData, length), 0, length);
  }
}

/** The column of the key says it: it is always there, and never null. */
function rowCountOf(fieldsData: readonly FieldData[], key: string): number {
  const field = fieldsData.find(({ fieldName }) => fieldName === key)?.field;
  const data = field?.$case === 'scalars' ? field.value.data : undefined;
  if (data?.$case === 'longData') return countVarints(data.value.data);
  return data?.$case === 'stringData' ? data.value.data.length : 0;
}
