// The public RPCs as a REST call reaches them: the same chain of steps as over gRPC, with messages in place of bytes. A status that says no
// is thrown, with its code and text.
import { must } from '#base/assert.js';
import type { CallContext, HttpRequest } from '#platform/transport.js';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import type { Status } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { CollectionAccess, OpenCollection } from '#roles/proxy/collection-access.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import type { Gate } from '#roles/proxy/users/guard.js';
import type { Next } from '#rpc/interceptors.js';
import {
  type DeepPartial,
  filled,
  type RequestOf,
  type ResponseOf,
  type StatusPlace,
  statusPlace,
} from '#rpc/service.js';
import { RestFailure } from './rest-failure.js';

type OwnMethods = (typeof OperationsDefinition)['methods'];
type Methods = (typeof MilvusServiceDefinition)['methods'] & OwnMethods;
/** A call of Milvus's service, or of ours. */
export type RestMethod = PublicMethod | keyof OwnMethods;
export type Request<Method extends RestMethod> = DeepPartial<RequestOf<Methods[Method]>>;
export type Response<Method extends RestMethod> = ResponseOf<Methods[Method]>;

export interface RestParts {
  /** By the path that gRPC gives them. */
  readonly calls: ReadonlyMap<string, Next>;
  readonly access: Pick<CollectionAccess, 'open' | 'wasReadBy'>;
  /** Undefined: nobody is asked who they are. */
  readonly gate: Gate | undefined;
}

interface CallFacts {
  readonly context: CallContext;
  /** Who calls; undefined where nobody is asked. */
  readonly user: string | undefined;
  readonly dbName: string;
  readonly int64AsText: boolean;
  /** What the header `Idempotency-Key` says; empty: nothing. */
  readonly idempotencyKey: string;
  /** As the request says it. */
  readonly letBodyGo: HttpRequest['letBodyGo'];
}

/** One REST call: who asks, for which database, and how answers are written. */
export class RestCall {
  readonly context: CallContext;
  readonly dbName: string;
  readonly int64AsText: boolean;
  readonly idempotencyKey: string;
  readonly #parts: RestParts;
  readonly #user: string | undefined;
  readonly #letBodyGo: HttpRequest['letBodyGo'];
  #collection: OpenCollection | undefined;

  constructor(parts: RestParts, call: CallFacts) {
    this.#parts = parts;
    this.#user = call.user;
    this.context = call.context;
    this.dbName = call.dbName;
    this.int64AsText = call.int64AsText;
    this.idempotencyKey = call.idempotencyKey;
    this.#letBodyGo = call.letBodyGo;
  }

  /** Nobody reads the members any more that were kept as they came. */
  letBodyGo(): void {
    this.#letBodyGo?.();
  }

  /** @throws RestFailure with the code and the text of the status */
  async rpc<Method extends RestMethod>(method: Method, request: Request<Method>): Promise<Response<Method>> {
    const { path, requestType, responseType, place } = wayTo(method);
    const call = must(this.#parts.calls.get(path), path);
    const message = filled(requestType, request);
    if (this.#collection !== undefined) this.#parts.access.wasReadBy(message, this.#collection);
    this.#collection = undefined;
    const response = filled(responseType, await call(message, this.context));
    const status =
      place.kind === 'itself'
        ? response
        : place.kind === 'field'
          ? Reflect.get(response, place.name)
          : undefined;
    throwFailure(status as Status | undefined);
    return response as Response<Method>;
  }

  /** The definition that the next call is read by, for those who may make the call that it becomes. @throws permission_denied */
  async collection(collectionName: string, method: PublicMethod): Promise<OpenCollection> {
    const { access, gate } = this.#parts;
    const named = { dbName: this.dbName, collectionName };
    if (gate !== undefined && this.#user !== undefined) {
      const { requestType } = MilvusServiceDefinition.methods[method];
      await gate.permit(method, filled(requestType, named), { ...this.context, user: this.#user });
    }
    this.#collection = await access.open(named, this.context);
    return this.#collection;
  }
}

interface Way {
  readonly path: string;
  readonly requestType: unknown;
  readonly responseType: unknown;
  readonly place: StatusPlace;
}

const ways = new Map<RestMethod, Way>();

const isOwn = (method: RestMethod): method is keyof OwnMethods =>
  Object.hasOwn(OperationsDefinition.methods, method);

/** What is the same for all calls of a method; where its status is takes an empty answer to find out. */
function wayTo(method: RestMethod): Way {
  const known = ways.get(method);
  if (known !== undefined) return known;
  const { fullName } = isOwn(method) ? OperationsDefinition : MilvusServiceDefinition;
  const { name, requestType, responseType } = isOwn(method)
    ? OperationsDefinition.methods[method]
    : MilvusServiceDefinition.methods[method];
  const path = `/${fullName}/${name}`;
  const way = { path, requestType, responseType, place: statusPlace(responseType) };
  ways.set(method, way);
  return way;
}

function throwFailure(status: Status | undefined): void {
  if (status === undefined || (status.code === 0 && status.errorCode === 0)) return;
  throw new RestFailure(status.code === 0 ? 65_535 : status.code, status.reason || status.detail);
}
