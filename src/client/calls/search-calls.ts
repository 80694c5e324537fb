// Searches: by one vector, by many, by the vectors of rows that are there, by several fields at once, and page after page.

import { bytesView } from '#base/bytes.js';
import { whole } from '#base/whole.js';
import { ClientError } from '#client/errors.js';
import { floatsOf, int64sOf } from '#client/rows/columns-out.js';
import { Hits, keysOf, tableOf } from '#client/rows/results.js';
import { placeholderGroup, queryBytes, textBytes } from '#client/rows/vectors.js';
import { dataTypes, type FieldSpec, isVectorName, type VectorTypeName } from '#client/schema/field-spec.js';
import type {
  Fields,
  Key,
  Name,
  OutputName,
  PlainName,
  QueryVector,
  Row,
  SearchableName,
} from '#client/schema/row-types.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import type { IDs } from '#proto/milvus/schema.js';
import { fragmentsAt, type Highlight, highlighterOf } from './highlights.js';
import { QueryCalls } from './query-calls.js';
import { type Ranker, rrf } from './rankers.js';
import { filterText, type Order, ofPages, paramsOf, type ReadOptions, readRequest } from './read-options.js';
import { type BoostModes, type Decay, functionScore, type ScoreFunction } from './score-functions.js';
import {
  type GroupBy,
  groupParams,
  type IndexParams,
  LIMIT_DEFAULT,
  type ScoreRange,
  SearchParams,
} from './search-params.js';

export interface SearchOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends ReadOptions<F, Dynamic, Names> {
  /** At most so many hits for a vector; 10 when not given. */
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly params?: IndexParams | undefined;
  readonly range?: ScoreRange | undefined;
  readonly groupBy?: GroupBy<F> | undefined;
  /** Hits in another order than that of scores. */
  readonly orderBy?: Order<F> | undefined;
  /** What makes other scores of those of the metric: boosts, and one decay at most. */
  readonly score?: ScoreFunction<Name<F>> | readonly ScoreFunction<Name<F>>[] | undefined;
  readonly boosts?: BoostModes | undefined;
  /** Fragments of texts of the hits with words marked in them: `highlights` of each hit. */
  readonly highlight?: Highlight<F> | undefined;
}

/** One search of a hybrid search. */
export interface HybridPart<F extends Fields, Dynamic extends boolean, Of extends SearchableName<F>> {
  readonly field: Of;
  readonly vector: QueryVector<F, Of>;
  /** Candidates that it gives; five times as many as the whole when not given. */
  readonly limit?: number | undefined;
  readonly where?: ReadOptions<F, Dynamic, never>['where'];
  readonly params?: IndexParams | undefined;
  readonly range?: ScoreRange | undefined;
}

export type AnyHybridPart<F extends Fields, Dynamic extends boolean> = {
  [Of in SearchableName<F>]: HybridPart<F, Dynamic, Of>;
}[SearchableName<F>];

export interface HybridOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends Omit<ReadOptions<F, Dynamic, Names>, 'where'> {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** `rrf()` when not given. */
  readonly rank?: Ranker | Decay<Name<F>> | undefined;
  readonly groupBy?: GroupBy<F> | undefined;
}

export interface PagesOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends Omit<
    SearchOptions<F, Dynamic, Names>,
    'limit' | 'offset' | 'groupBy' | 'orderBy' | 'score' | 'boosts' | 'highlight'
  > {
  /** Hits of a page; 1000 when not given. */
  readonly batch?: number | undefined;
}

export type FoundHits<F extends Fields, Names extends string, Dynamic extends boolean> = Hits<
  Row<F, Names, Dynamic>,
  Key<F>
>;

/** Searches of a hybrid search look further than the whole, or ranking would have nothing to choose from. */
const CANDIDATES = 5;
const CANDIDATES_MAX = 16_384;
const PAGE = 1000;
/** `dsl` is a filter as text. */
const FILTER_TEXT = 1;

type Input = SearchRequest['searchInput'];
interface Vectors {
  readonly field: string;
  readonly input: Input;
  readonly count: number;
}

export class SearchCalls<F extends Fields, Dynamic extends boolean> extends QueryCalls<F, Dynamic> {
  readonly #asked = new SearchParams();

  /** The nearest rows of one vector. */
  async search<Of extends SearchableName<F>, const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    field: Of,
    vector: QueryVector<F, Of>,
    options: SearchOptions<F, Dynamic, Names> = {},
  ): Promise<FoundHits<F, Names, Dynamic>> {
    return (await this.#found<Names>(this.#vectors(field, [vector]), options))[0] as FoundHits<
      F,
      Names,
      Dynamic
    >;
  }

  /** The nearest rows of each of many vectors, in one call. */
  async searchMany<Of extends SearchableName<F>, const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    field: Of,
    vectors: readonly QueryVector<F, Of>[],
    options: SearchOptions<F, Dynamic, Names> = {},
  ): Promise<FoundHits<F, Names, Dynamic>[]> {
    return vectors.length === 0 ? [] : this.#found<Names>(this.#vectors(field, vectors), options);
  }

  /** The rows nearest to each of some rows, which are not among their own hits unless they are near another one. */
  async searchByIds<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    field: SearchableName<F>,
    ids: readonly Key<F>[],
    options: SearchOptions<F, Dynamic, Names> = {},
  ): Promise<FoundHits<F, Names, Dynamic>[]> {
    if (ids.length === 0) return [];
    const input = { $case: 'ids', value: idsMessage(ids) } as const;
    return this.#found<Names>({ field, input, count: ids.length }, options);
  }

  /** Several searches, whose hits are ranked as one list. */
  async hybrid<const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    parts: readonly AnyHybridPart<F, Dynamic>[],
    options: HybridOptions<F, Dynamic, Names> = {},
  ): Promise<FoundHits<F, Names, Dynamic>> {
    const { limit = LIMIT_DEFAULT, offset, rank, groupBy } = options;
    const candidates = Math.min(CANDIDATES_MAX, CANDIDATES * (limit + (offset ?? 0)));
    const requests = parts.map((part) =>
      this.#request(this.#vectors(part.field, [part.vector]), { ...part, limit: part.limit ?? candidates }),
    );
    const isDecay = rank !== undefined && 'kind' in rank;
    const { strategy, params } = rank === undefined || isDecay ? rrf() : rank;
    const rankParams = paramsOf({
      ...(isDecay ? {} : { strategy, params: JSON.stringify(params) }),
      limit,
      offset,
      ...groupParams(groupBy),
    });
    const request = {
      ...readRequest(this.caller, this.declaration, options, this.rowsOf),
      requests,
      rankParams,
      functionScore: isDecay ? functionScore(rank) : undefined,
    };
    const answer = await this.caller.call('hybridSearch', request, options);
    return this.#hits<Names>(answer, 1)[0] as FoundHits<F, Names, Dynamic>;
  }

  /** Page after page of hits of one vector, the best first, as rows were when it began. */
  async *searchPages<Of extends SearchableName<F>, const Names extends OutputName<F, Dynamic> = PlainName<F>>(
    field: Of,
    vector: QueryVector<F, Of>,
    options: PagesOptions<F, Dynamic, Names> = {},
  ): AsyncGenerator<FoundHits<F, Names, Dynamic>> {
    const { batch = PAGE } = options;
    const vectors = this.#vectors(field, [vector]);
    let behind: Readonly<Record<string, string | number | bigint>> = {};
    let began: bigint | undefined;
    for (;;) {
      const request = ofPages(this.#request(vectors, { ...options, limit: batch }), began);
      const searchParams = [
        ...request.searchParams,
        ...paramsOf({ iterator: 'True', search_iter_v2: 'True', search_iter_batch_size: batch, ...behind }),
      ];
      const answer = await this.caller.call('search', { ...request, searchParams }, options);
      const [hits] = this.#hits<Names>(answer, 1);
      if (hits === undefined || hits.length === 0) return;
      yield hits;
      const next = answer.results?.searchIteratorV2Results;
      if (next === undefined) throw notPaged(this.declaration.name);
      began ??= answer.sessionTs;
      behind = {
        search_iter_id: next.token,
        search_iter_last_bound: next.lastBound,
        guarantee_timestamp: began,
      };
    }
  }

  #vectors(field: string, vectors: readonly unknown[]): Vectors {
    const { spec, isMember } = this.#searchable(field);
    if (spec.wordsOf !== undefined) {
      const value = placeholderGroup(
        'VarChar',
        vectors.map((text) => textBytes(field, text)),
        false,
      );
      return { field, input: { $case: 'placeholderGroup', value }, count: vectors.length };
    }
    const isList = isMember && vectors.every(isListOfVectors);
    const values = vectors.map((vector) =>
      isList
        ? joined((vector as readonly unknown[]).map((one) => queryBytes(field, spec, one)))
        : queryBytes(field, spec, vector),
    );
    const value = placeholderGroup(spec.type as VectorTypeName, values, isList);
    return { field, input: { $case: 'placeholderGroup', value }, count: values.length };
  }

  #searchable(field: string): { readonly spec: FieldSpec; readonly isMember: boolean } {
    const { fields, name } = this.declaration;
    const own = Object.hasOwn(fields, field) ? fields[field]?.spec : undefined;
    const [, outer = '', inner = ''] = /^(.+)\[(.+)\]$/.exec(field) ?? [];
    const spec = own ?? (Object.hasOwn(fields, outer) ? fields[outer]?.spec.members?.[inner] : undefined);
    if (spec !== undefined && isVectorName(spec.type)) return { spec, isMember: own === undefined };
    throw ClientError.ofInput(`"${field}" is no vector field of ${name}`, 'search');
  }

  /** Whole, and its vectors are a copy of its own: nobody has to make another. */
  #request<Names extends string>(
    { field, input, count }: Vectors,
    options: SearchOptions<F, Dynamic, Names>,
  ): SearchRequest {
    const { expr, exprTemplateValues } = filterText(this.declaration, options.where);
    const read = readRequest(this.caller, this.declaration, options, this.rowsOf);
    return whole<SearchRequest>({
      base: undefined,
      dbName: '',
      collectionName: read.collectionName,
      partitionNames: read.partitionNames,
      dsl: expr,
      searchInput: input,
      dslType: FILTER_TEXT,
      outputFields: read.outputFields,
      searchParams: this.#asked.paramsOf(field, options),
      travelTimestamp: 0n,
      guaranteeTimestamp: read.guaranteeTimestamp,
      nq: BigInt(count),
      notReturnAllMeta: false,
      consistencyLevel: read.consistencyLevel,
      useDefaultConsistency: read.useDefaultConsistency,
      searchByPrimaryKeys: false,
      subReqs: [],
      exprTemplateValues,
      functionScore: functionScore(options.score, options.boosts),
      namespace: read.namespace,
      highlighter: highlighterOf(options.highlight),
      searchAggregation: undefined,
      functionChains: [],
    });
  }

  async #found<Names extends string>(
    vectors: Vectors,
    options: SearchOptions<F, Dynamic, Names>,
  ): Promise<FoundHits<F, Names, Dynamic>[]> {
    const answer = await this.caller.call('search', this.#request(vectors, options), options);
    return this.#hits<Names>(answer, vectors.count);
  }

  #hits<Names extends string>({ results }: SearchResults, count: number): FoundHits<F, Names, Dynamic>[] {
    const keyType = dataTypes[this.declaration.fields[this.declaration.key]?.spec.type ?? 'Int64'];
    const ids = keysOf(results?.ids, keyType);
    const table = tableOf(this.declaration, results?.fieldsData ?? [], ids.length);
    const scores = floatsOf(results?.scores ?? new Uint8Array(0));
    const indices = results?.elementIndices?.data;
    const offsets = indices === undefined ? undefined : int64sOf(indices, 'offsets');
    const marked = results?.highlightResults ?? [];
    const highlights = marked.length === 0 ? undefined : (hit: number) => fragmentsAt(marked, hit);
    const found: FoundHits<F, Names, Dynamic>[] = [];
    for (let query = 0, begin = 0; query < count; query++) {
      const end = begin + Number(results?.topks[query] ?? 0n);
      found.push(new Hits({ table, ids, scores, offsets, highlights, begin, end }));
      begin = end;
    }
    return found;
  }
}

const isListOfVectors = (vector: unknown): boolean =>
  Array.isArray(vector) && (Array.isArray(vector[0]) || ArrayBuffer.isView(vector[0]));

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function idsMessage(ids: readonly (bigint | string)[]): IDs {
  if (ids.every((id) => typeof id === 'string'))
    return { idField: { $case: 'strId', value: { data: [...ids] } } };
  const numbers = BigInt64Array.from(ids, (id) => BigInt(id));
  return { idField: { $case: 'intId', value: { data: encodeInt64s(bytesView(numbers)) } } };
}

const notPaged = (name: string): ClientError =>
  new ClientError({
    code: 3000,
    reason: `the server does not page the hits of ${name}: the answer has no token`,
    isRetriable: false,
    call: 'searchPages',
  });
