// The package's `elanus/client`: the way to a server (gRPC with who calls, the database, and TLS), and every word of the typed client. What
// gRPC takes is loaded at the first call.
import type { TlsTrust } from '#platform/node/grpc/grpc-connection.js';
import { systemRandom } from '#platform/node/node-random.js';
import { clientTimers, nodeClock } from '#platform/node/node-time.js';
import { Client, type ClientOptions } from './client.js';
import { LazyTransport } from './lazy-transport.js';
import type { Port } from './port-messages.js';
import { PortTransport } from './port-transport.js';
import type { ClientTransport } from './transport.js';

export {
  DifferenceError,
  type EnsureOptions,
} from '#client/calls/definition-calls.js';
export type { QueryOptions, QueryRow, Scan, ScanOptions } from '#client/calls/query-calls.js';
export { type Ranker, rrf, weighted } from '#client/calls/rankers.js';
export type { Consistency, Order, ReadOptions } from '#client/calls/read-options.js';
export {
  type Boost,
  type BoostModes,
  type BoostOptions,
  boost,
  type Decay,
  type DecayOptions,
  decay,
  type ScoreFunction,
} from '#client/calls/score-functions.js';
export type {
  AnyHybridPart,
  FoundHits,
  HybridOptions,
  HybridPart,
  PagesOptions,
  SearchOptions,
} from '#client/calls/search-calls.js';
export type { GroupBy, IndexParams, ScoreRange } from '#client/calls/search-params.js';
export type { Insert, Upsert, WriteOptions, Written } from '#client/calls/write-calls.js';
export { allOf, anyOf, Filter, filter } from '#client/filters/filter.js';
export type { FieldFilters, JsonFilter, Where } from '#client/filters/filter-types.js';
export type { FilterValue } from '#client/filters/template-value.js';
export { where } from '#client/filters/where.js';
export type { Column } from '#client/rows/columns-out.js';
export type { Hit, Hits, Keys, Rows } from '#client/rows/results.js';
export {
  type CollectionSettings,
  collection,
  type Declaration,
  type NamespaceMode,
} from '#client/schema/collection.js';
export type { Difference } from '#client/schema/differences.js';
export type { IndexSpec, Metric } from '#client/schema/field-spec.js';
export {
  type AnalyzerParams,
  array,
  bfloat16Vector,
  binaryVector,
  bm25,
  bool,
  double,
  type Field,
  float,
  float16Vector,
  floatVector,
  geometry,
  int8,
  int8Vector,
  int16,
  int32,
  int64,
  json,
  type SparseInput,
  type SparseVector,
  sparseVector,
  structArray,
  text,
  timestamptz,
  varchar,
} from '#client/schema/fields.js';
export type {
  Fields,
  InsertColumns,
  InsertRow,
  Key,
  OutputName,
  Row,
  UpdateRow,
  UpsertColumns,
  UpsertRow,
} from '#client/schema/row-types.js';
export type { CallOptions, RetryRule } from './caller.js';
export { Client, type ClientOptions, type ClientParts } from './client.js';
export {
  AccessError,
  CancelledError,
  ClientError,
  DeadlineError,
  InvalidRequestError,
  NotFoundError,
  NotLoadedError,
  SchemaMismatchError,
  UnavailableError,
  UnsupportedError,
} from './errors.js';
export type {
  NamespacedCollection,
  NamespaceRows,
  Namespaces,
  PartitionedNamespaces,
} from './namespaced-collection.js';
export type {
  ClientAnswer,
  ClientCallOptions,
  ClientMethod,
  ClientRequest,
  ClientTransport,
} from './transport.js';
export type { Aliases, Partitions, TypedCollection } from './typed-collection.js';

export interface ConnectOptions extends ClientOptions {
  readonly user?: string;
  readonly password?: string;
  /** Instead of a user with a password: an API key, or `user:password`. */
  readonly token?: string;
  /** `default` when not given. */
  readonly database?: string;
  /** `true`: TLS with the authorities that Node trusts. An address with `https://` means it too. */
  readonly tls?: boolean | TlsTrust;
}

const PORT = 19530;

/**
 * A client of an Elanus server or a Milvus, which connects at the first call.
 * @param address `host:port`, or a URL; without a port 19530
 */
export const connect = (address: string, options: ConnectOptions = {}): Client =>
  clientOver(grpcTransport(address, options), options);

/** A client over any transport: what `transport()` of an open database gives, or one of your own. */
export const clientOver = (transport: ClientTransport, options: ClientOptions = {}): Client =>
  new Client({ transport, clock: nodeClock, timers: clientTimers, random: systemRandom() }, options);

/**
 * A client in a worker thread of the database that is open in another one.
 * @param port what `callPort()` of the database gave, handed to this thread
 */
export const connectPort = (port: Port, options: ClientOptions = {}): Client =>
  clientOver(new PortTransport(port), options);

/** @param address `host:port`, or a URL; without a port 19530 */
export function grpcTransport(address: string, options: ConnectOptions = {}): ClientTransport {
  const { host, isSecure } = addressOf(address);
  const trust = trustOf(options.tls ?? isSecure);
  return new LazyTransport(async () => {
    const [{ GrpcClientTransport }, { GrpcConnection }] = await Promise.all([
      import('./grpc-client-transport.js'),
      import('#platform/node/grpc/grpc-connection.js'),
    ]);
    return new GrpcClientTransport(new GrpcConnection(host, trust), metadataOf(options));
  });
}

const trustOf = (tls: boolean | TlsTrust): TlsTrust | undefined =>
  typeof tls === 'boolean' ? (tls ? {} : undefined) : tls;

function addressOf(address: string): { readonly host: string; readonly isSecure: boolean } {
  const [, scheme = '', rest = ''] = /^(?:([a-z]+):\/\/)?([^/]*)/i.exec(address) ?? [];
  const host = /:\d+$/.test(rest) ? rest : `${rest}:${PORT}`;
  return { host, isSecure: scheme.toLowerCase() === 'https' };
}

function metadataOf({ user, password, token, database }: ConnectOptions): Record<string, string> {
  const login = token ?? (user === undefined ? undefined : `${user}:${password ?? ''}`);
  return {
    ...(login === undefined ? {} : { authorization: Buffer.from(login).toString('base64') }),
    ...(database === undefined ? {} : { dbname: database }),
  };
}
