// The steps around the calls of a service, one chain per method: each step may look at the call, change it, answer it itself or hand it to
// the next. The handler is the end of every chain. Steps are put together once, when a service starts, and not per call.
import { ElanusError, toElanusError } from '#base/errors.js';
import { encodeMessage } from '#model/message-writer.js';
import type { CallContext } from '#platform/transport.js';
import { type DecodeAccount, nothing } from './decode-account.js';
import {
  codec,
  filled,
  isWhole,
  type MethodDefinition,
  type ServiceDefinition,
  type StatusPlace,
  statusPlace,
  whole,
} from './service.js';
import { statusOf, successStatus } from './wire-status.js';

/** What a step knows of the method that is called. */
export interface ServiceMethod {
  /** The name of the handler, `createCollection`. */
  readonly key: string;
  /** The name in the protocol, `CreateCollection`. */
  readonly name: string;
  /** As the wire names it, `/milvus.proto.milvus.MilvusService/CreateCollection`. */
  readonly path: string;
  readonly definition: MethodDefinition;
  readonly status: StatusPlace;
}

/** The rest of a chain. Requests and answers are messages, but at the ends of a chain of the wire, where they are bytes. */
export interface Next {
  (request: object, context: CallContext): Promise<object>;
  /** As `MethodHandler` says it. */
  readonly letsGo?: boolean;
}

export type Interceptor = (
  method: ServiceMethod,
  request: object,
  context: CallContext,
  next: Next,
) => Promise<object>;

/** The unary methods of a service. */
export const unaryMethodsOf = (service: ServiceDefinition): ServiceMethod[] =>
  methodsOf(service).filter(({ definition }) => !definition.requestStream && !definition.responseStream);

/** All methods of a service. One that streams is answered at its first message, with one message or a failure. */
export const methodsOf = (service: ServiceDefinition): ServiceMethod[] =>
  Object.entries(service.methods).map(([key, definition]) => ({
    key,
    name: definition.name,
    path: `/${service.fullName}/${definition.name}`,
    definition,
    get status() {
      return statusPlace(definition.responseType);
    },
  }));

/** @param steps outermost first */
export const chained = (method: ServiceMethod, steps: readonly Interceptor[], handler: Next): Next =>
  steps.reduceRight<Next>(
    (next, step) => (request, context) => step(method, request, context, next),
    handler,
  );

/** Failures that clients know as those of the transport: they must not send such a call again as it was. */
const isOfTransport = ({ key }: ElanusError): boolean =>
  key === 'unauthenticated' || key === 'permission_denied';

/**
 * Whatever is thrown becomes a status in the answer's own shape; an answer without a status gets that of success.
 * @param onFailure hears of each failure, those of the transport among them @param onError of those that become a status
 */
export const statusOfErrors =
  (
    onError?: (path: string, error: ElanusError, context: CallContext) => void,
    onFailure?: (method: ServiceMethod, error: ElanusError) => void,
  ): Interceptor =>
  async (method, request, context, next) => {
    try {
      return withSuccess(method.status, await next(request, context));
    } catch (error) {
      const failure = toElanusError(error, method.name);
      onFailure?.(method, failure);
      if (isOfTransport(failure)) throw failure;
      onError?.(method.path, failure, context);
      return failed(method.status, failure);
    }
  };

function withSuccess(place: StatusPlace, response: object): object {
  if (place.kind === 'nowhere') return response;
  if (place.kind === 'field' && Reflect.get(response, place.name) !== undefined) return response;
  // With its prototype: some messages make their bytes when they are asked for (segment/search/hits.ts).
  const copy = Object.create(Object.getPrototypeOf(response)) as object;
  const answered =
    place.kind === 'itself'
      ? Object.assign(copy, successStatus(), response)
      : Object.assign(copy, response, { [place.name]: successStatus() });
  return isWhole(response) ? whole(answered) : answered;
}

function failed(place: StatusPlace, failure: ElanusError): object {
  if (place.kind === 'nowhere') throw failure;
  return place.kind === 'itself' ? statusOf(failure) : { [place.name]: statusOf(failure) };
}

/** A call whose caller has gone before it began is not begun. */
export const unlessGone: Interceptor = (method, request, context, next) => {
  if (context.signal.aborted)
    throw new ElanusError('cancelled', `${method.name}: its caller has gone before it began`);
  return next(request, context);
};

/** Bytes of the wire become the request. */
export const decoded: Interceptor = (method, bytes, context, next) =>
  next(
    readable(method, bytes, (message) => codec(method.definition.requestType).decode(message)),
    context,
  );

/** The same for requests of those who are not trusted to send what fits in memory: what they hold counts until the call is answered. */
export const decodedWithin =
  (account: DecodeAccount): Interceptor =>
  (method, bytes, context, next) => {
    const { message, release } = readable(method, bytes, (sent) =>
      account.decode(codec(method.definition.requestType), sent),
    );
    // Most messages are too small to be counted, and need nobody who waits for their end.
    return release === nothing ? next(message, context) : releasing(release, () => next(message, context));
  };

async function releasing(release: () => void, run: () => Promise<object>): Promise<object> {
  try {
    return await run();
  } finally {
    release();
  }
}

/** The answer becomes bytes of the wire. */
export const encoded: Interceptor = (method, request, context, next) => {
  const type = method.definition.responseType;
  return next(request, context).then((answer) => encodeMessage(codec(type), filled(type, answer)));
};

function readable<T>(method: ServiceMethod, bytes: object, read: (bytes: Uint8Array) => T): T {
  const sent = bytes as Uint8Array;
  try {
    return read(sent);
  } catch (error) {
    if (error instanceof ElanusError) throw error;
    throw new ElanusError(
      'invalid_parameter',
      `${method.name}: the request of ${sent.length} bytes is not a valid protobuf message; send one encoded by a Milvus client: invalid parameter`,
      { cause: error },
    );
  }
}
