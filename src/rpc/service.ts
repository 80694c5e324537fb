// Typed services over generated definitions: the same handlers answer in one process (a function call) and across processes
// (bytes through the transport). A handler throws ElanusError; on the wire that is the response's own `status`, and the client throws it again.
import { ElanusError, toElanusError } from '#base/errors.js';
import { neverAborted } from '#base/on-abort.js';
import { isWhole, whole } from '#base/whole.js';
import type { Decoder } from '#model/bounded-decode.js';
import { type Encoder, encodeMessage } from '#model/message-writer.js';
import type { CallContext } from '#platform/transport.js';
import type { Status } from '#proto/milvus/common.js';
import { errorOfStatus } from './wire-status.js';

export interface MessageType<T> extends Decoder<T>, Encoder<T> {
  fromPartial(partial: object): T;
}

export interface MethodDefinition {
  readonly name: string;
  /** MessageType of the request; `unknown` because codecs of different messages share no type. */
  readonly requestType: unknown;
  readonly responseType: unknown;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

// biome-ignore format: one line a case
export type DeepPartial<T> = T extends Uint8Array | bigint | string | number | boolean | undefined ? T
  : T extends readonly (infer Item)[] ? readonly DeepPartial<Item>[]
  : T extends { $case: string } ? T
  : { [Key in keyof T]?: DeepPartial<T[Key]> | undefined };
type Infer<M> = M extends { decode(...args: never[]): infer T } ? T : never;
export type RequestOf<M> = M extends { readonly requestType: infer R } ? Infer<R> : never;
export type ResponseOf<M> = M extends { readonly responseType: infer R } ? Infer<R> : never;

/** What a role implements. */
export type Handlers<D extends { readonly methods: object }> = {
  readonly [Method in keyof D['methods']]: (
    request: RequestOf<D['methods'][Method]>,
    context: CallContext,
  ) => Promise<DeepPartial<ResponseOf<D['methods'][Method]>>>;
};

/** What a role calls: whole responses, failures as ElanusError. */
export type Client<D extends { readonly methods: object }> = {
  readonly [Method in keyof D['methods']]: (
    request: DeepPartial<RequestOf<D['methods'][Method]>>,
    context?: CallContext,
  ) => Promise<ResponseOf<D['methods'][Method]>>;
};

export const backgroundContext: CallContext = { signal: neverAborted, metadata: {} };
export const codec = (type: unknown): MessageType<object> => type as MessageType<object>;
const withDefaults = (type: unknown, partial: object): object => codec(type).fromPartial(partial);

export { isWhole, whole };

/** The message with every field. */
export const filled = (type: unknown, message: object): object =>
  isWhole(message) ? message : withDefaults(type, message);

/** Where an answer says how its call ended: it is a status itself, it has one in a field, or it has none. */
export type StatusPlace =
  | { readonly kind: 'itself' }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'nowhere' };
/** AlterCollectionSchema alone has its status under a name of its own. */
const STATUS_FIELDS = ['status', 'alterStatus'];

const statusPlaces = new WeakMap<object, StatusPlace>();

/** Found out when it is first asked for: there are hundreds of methods, and a process calls few of them. */
export function statusPlace(responseType: unknown): StatusPlace {
  const type = codec(responseType);
  const known = statusPlaces.get(type);
  if (known !== undefined) return known;
  const place = placeIn(responseType);
  statusPlaces.set(type, place);
  return place;
}

function placeIn(responseType: unknown): StatusPlace {
  const message = withDefaults(responseType, {});
  if ('errorCode' in message && 'reason' in message) return { kind: 'itself' };
  const name = STATUS_FIELDS.find((field) => field in message);
  return name === undefined ? { kind: 'nowhere' } : { kind: 'field', name };
}

function statusIn(place: StatusPlace, response: object): Status | undefined {
  if (place.kind === 'nowhere') return undefined;
  return (place.kind === 'itself' ? response : Reflect.get(response, place.name)) as Status | undefined;
}

export type AnyHandler = (request: object, context: CallContext) => Promise<object>;
/** Methods by the name that the definition gives them; their messages match by construction. */
export const handlerOf = (handlers: object, key: string): AnyHandler | undefined =>
  Reflect.get(handlers, key) as AnyHandler | undefined;

/** The same handlers, each behind a step of its own. */
export function wrapped<D extends ServiceDefinition>(
  handlers: Partial<Handlers<D>>,
  wrap: (name: string, handler: AnyHandler) => AnyHandler,
): Partial<Handlers<D>> {
  const steps: Record<string, unknown> = {};
  for (const name of Object.keys(handlers)) {
    const handler = handlerOf(handlers, name);
    if (handler !== undefined) steps[name] = wrap(name, handler);
  }
  return steps as Partial<Handlers<D>>;
}

/** A client that calls the handlers directly; messages are shared, not copied. */
export function inProcessClient<D extends ServiceDefinition>(
  definition: D,
  handlers: Handlers<D>,
): Client<D> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    client[key] = inProcessCall(`${definition.fullName}/${method.name}`, key, method, handlers);
  }
  return client as Client<D>;
}

/** A read makes some ten such calls: each makes one promise, and what follows an answer is made once for all calls. */
function inProcessCall(
  name: string,
  key: string,
  { requestType, responseType }: MethodDefinition,
  handlers: object,
) {
  const answered = (answer: object): object => filled(responseType, answer);
  const refused = (error: unknown): never => {
    throw toElanusError(error, name);
  };
  return (request: object, context: CallContext = backgroundContext): Promise<object> => {
    try {
      const handler = handlerOf(handlers, key);
      if (handler === undefined) throw new ElanusError('unsupported', `${name} is not served here`);
      return handler.call(handlers, filled(requestType, request), context).then(answered, refused);
    } catch (error) {
      return Promise.reject(toElanusError(error, name));
    }
  };
}

/** Sends one call's bytes to whoever serves it now. */
export type Caller = (path: string, request: Uint8Array, context: CallContext) => Promise<Uint8Array>;
/**
 * @param options `refusedUnseen` says of a failure that proves that no handler saw the call what to throw; before, such a call is sent once more.
 */
export function remoteClient<D extends ServiceDefinition>(
  definition: D,
  call: Caller,
  options: { readonly refusedUnseen?: (error: ElanusError) => ElanusError | undefined } = {},
): Client<D> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const path = `/${definition.fullName}/${method.name}`;
    const once = async (request: Uint8Array, context: CallContext): Promise<object> => {
      const response = decodeResponse(method, await call(path, request, context));
      const failure = errorOfStatus(statusIn(statusPlace(method.responseType), response));
      if (failure !== undefined) throw failure;
      return response;
    };
    client[key] = async (request: object, context: CallContext = backgroundContext) => {
      const bytes = encodeMessage(codec(method.requestType), filled(method.requestType, request));
      for (let isAgain = false; ; isAgain = true) {
        try {
          return await once(bytes, context);
        } catch (error) {
          const unseen = error instanceof ElanusError ? options.refusedUnseen?.(error) : undefined;
          if (unseen === undefined || isAgain) throw unseen ?? error;
        }
      }
    };
  }
  return client as Client<D>;
}

function decodeResponse(method: MethodDefinition, bytes: Uint8Array): object {
  try {
    return codec(method.responseType).decode(bytes);
  } catch (error) {
    throw new ElanusError(
      'internal',
      `${method.name}: the answer of ${bytes.length} bytes is not a valid message; check the peer's version`,
      {
        cause: error,
      },
    );
  }
}
