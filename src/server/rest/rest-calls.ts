// The public RPCs as a REST call reaches them: the same chain of steps as over gRPC, with messages in place of bytes. A status that says no
// is thrown, with its code and text.
import { must } from '#base/assert.js';
import type { CallContext } from '#platform/transport.js';
import type { Status } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { CollectionAccess, OpenCollection } from '#roles/proxy/collection-access.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import type { Next } from '#rpc/interceptors.js';
import { type DeepPartial, filled, type RequestOf, type ResponseOf, statusPlace } from '#rpc/service.js';
import { RestFailure } from './rest-failure.js';

type Methods = (typeof MilvusServiceDefinition)['methods'];
export type Request<Method extends PublicMethod> = DeepPartial<RequestOf<Methods[Method]>>;
export type Response<Method extends PublicMethod> = ResponseOf<Methods[Method]>;

export interface RestParts {
  /** By the path that gRPC gives them. */
  readonly calls: ReadonlyMap<string, Next>;
  readonly access: Pick<CollectionAccess, 'open'>;
}

/** One REST call: who asks, for which database, and how answers are written. */
export class RestCall {
  readonly context: CallContext;
  readonly dbName: string;
  readonly int64AsText: boolean;
  readonly #parts: RestParts;

  constructor(
    parts: RestParts,
    call: { readonly context: CallContext; readonly dbName: string; readonly int64AsText: boolean },
  ) {
    this.#parts = parts;
    this.context = call.context;
    this.dbName = call.dbName;
    this.int64AsText = call.int64AsText;
  }

  /** @throws RestFailure with the code and the text of the status */
  async rpc<Method extends PublicMethod>(
    method: Method,
    request: Request<Method>,
  ): Promise<Response<Method>> {
    const { name, requestType, responseType } = MilvusServiceDefinition.methods[method];
    const call = must(this.#parts.calls.get(`/${MilvusServiceDefinition.fullName}/${name}`), name);
    const response = filled(responseType, await call(filled(requestType, request), this.context));
    const place = statusPlace(responseType);
    const status =
      place.kind === 'itself'
        ? response
        : place.kind === 'field'
          ? Reflect.get(response, place.name)
          : undefined;
    throwFailure(status as Status | undefined);
    return response as Response<Method>;
  }

  /** The definition that rows are read by. The call that takes the rows is what says whether the caller may. */
  collection(collectionName: string): Promise<OpenCollection> {
    return this.#parts.access.open({ dbName: this.dbName, collectionName }, this.context);
  }
}

function throwFailure(status: Status | undefined): void {
  if (status === undefined || (status.code === 0 && status.errorCode === 0)) return;
  throw new RestFailure(status.code === 0 ? 65_535 : status.code, status.reason || status.detail);
}
