// What all reads take, and how requests say it.
import type { Caller, CallOptions } from '#client/caller.js';
import { ClientError } from '#client/errors.js';
import type { Where } from '#client/filters/filter-types.js';
import { filterOf } from '#client/filters/where.js';
import type { AnyDeclaration } from '#client/schema/collection.js';
import { isVectorName } from '#client/schema/field-spec.js';
import type { Fields, Name } from '#client/schema/row-types.js';
import type { ConsistencyLevel, KeyValuePair } from '#proto/milvus/common.js';
import type { TemplateValue } from '#proto/milvus/schema.js';

/** Elanus reads what was acknowledged before at every level; a Milvus waits as long as the level says. */
export type Consistency = 'strong' | 'session' | 'bounded' | 'eventually';

export interface ReadOptions<F extends Fields, Dynamic extends boolean, Names extends string>
  extends CallOptions {
  /** Which rows: a function of the fields, or a filter that was made before. All rows when not given. */
  readonly where?: Where<F, Dynamic> | undefined;
  /** Fields that rows have; all but vectors when not given. */
  readonly output?: readonly Names[] | undefined;
  /** Names of partitions; all when not given. */
  readonly partitions?: readonly string[] | undefined;
  /** The collection's level when not given. */
  readonly consistency?: Consistency | undefined;
}

/** Fields in their order, each ascending or descending. */
export type Order<F extends Fields> = { readonly [Key in Name<F>]?: 'asc' | 'desc' };

export const orderText = (order: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(order)
    .filter(([, way]) => way !== undefined)
    .map(([name, way]) => `${name}:${way}`)
    .join(',');

/** Parameters that are given, as the protocol has them. */
export const paramsOf = (
  given: Readonly<Record<string, string | number | bigint | boolean | undefined>>,
): KeyValuePair[] => {
  const list: KeyValuePair[] = [];
  for (const [key, value] of Object.entries(given))
    if (value !== undefined) list.push({ key, value: String(value) });
  return list;
};

/** What all reads say of themselves. */
export interface ReadRequest {
  readonly collectionName: string;
  readonly namespace?: string | undefined;
  readonly partitionNames: string[];
  readonly outputFields: string[];
  readonly consistencyLevel: ConsistencyLevel;
  readonly useDefaultConsistency: boolean;
  readonly guaranteeTimestamp: bigint;
}

const levels = { strong: 0, session: 1, bounded: 2, eventually: 3 } as const satisfies Record<
  Consistency,
  number
>;

export function readRequest<F extends Fields, Dynamic extends boolean, Names extends string>(
  caller: Caller,
  declaration: AnyDeclaration<F, Dynamic>,
  { output, partitions = [], consistency }: ReadOptions<F, Dynamic, Names>,
  namespace: string | undefined,
): ReadRequest {
  // Programs without types may say anything.
  if (consistency != null && !Object.hasOwn(levels, consistency))
    throw ClientError.ofInput(
      `consistency is ${JSON.stringify(consistency)}, expected one of ${Object.keys(levels).join(', ')}`,
    );
  return {
    collectionName: declaration.name,
    namespace,
    partitionNames: [...partitions],
    outputFields: output === undefined ? defaultOutput(declaration) : [...output],
    consistencyLevel: levels[consistency ?? 'bounded'],
    useDefaultConsistency: consistency === undefined,
    guaranteeTimestamp: guaranteeOf(caller, consistency),
  };
}

/** Small values stand for levels, which a server may not know by name. */
function guaranteeOf(caller: Caller, consistency: Consistency | undefined): bigint {
  switch (consistency) {
    case 'strong':
      return 0n;
    case 'eventually':
      return 1n;
    case 'bounded':
      return 2n;
    default:
      return caller.lastWrite;
  }
}

/**
 * A page is of exactly the time that it names. The first one names none: the time of this client's last write would leave out what others wrote
 * since, also after hours.
 */
export function ofPages<R extends ReadRequest>(request: R, began: bigint | undefined): R {
  if (began !== undefined) return { ...request, guaranteeTimestamp: began };
  if (request.guaranteeTimestamp < 3n) return request;
  return {
    ...request,
    consistencyLevel: levels.strong,
    useDefaultConsistency: false,
    guaranteeTimestamp: 0n,
  };
}

const outputs = new WeakMap<object, string[]>();

function defaultOutput({ fields, settings }: AnyDeclaration): string[] {
  const known = outputs.get(fields);
  if (known !== undefined) return [...known];
  const names = Object.entries(fields)
    .filter(([, { spec }]) => !isVectorName(spec.type))
    .map(([name]) => name);
  if (settings.dynamic === true) names.push('$meta');
  outputs.set(fields, names);
  return [...names];
}

export interface FilterText {
  readonly expr: string;
  readonly exprTemplateValues: { [name: string]: TemplateValue };
}
const NO_FILTER: FilterText = { expr: '', exprTemplateValues: {} };

export const filterText = <F extends Fields, Dynamic extends boolean>(
  declaration: AnyDeclaration<F, Dynamic>,
  where: Where<F, Dynamic> | undefined,
): FilterText => filterOf(declaration, where)?.render() ?? NO_FILTER;
