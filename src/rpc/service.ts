// Typed services over generated definitions: the same handlers answer in one process (a function call) and across processes
// (bytes through the transport). A handler throws ElanusError; on the wire that is the response's own `status`, and the client throws it again.
import { ElanusError, toElanusError } from '#base/errors.js';
import type { Decoder } from '#model/bounded-decode.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import type { DecodeAccount } from './decode-account.js';
import { errorOfStatus, statusOf, successStatus } from './wire-status.js';

export interface MessageType<T> extends Decoder<T> {
  encode(message: T): { finish(): Uint8Array };
  fromPartial(partial: object): T;
}

interface MethodDefinition {
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

export const backgroundContext: CallContext = { signal: new AbortController().signal, metadata: {} };
const codec = (type: unknown): MessageType<object> => type as MessageType<object>;
const withDefaults = (type: unknown, partial: object): object => codec(type).fromPartial(partial);
const WHOLE = Symbol('whole');
interface Markable {
  [WHOLE]?: object;
}

/** Marks a message that has every field, as the compiler checks: it goes on as it is, not as a copy with defaults filled in. */
export function whole<T extends object>(message: T): T {
  // A copy that gets the mark along with the fields is not the message that the mark names.
  (message as Markable)[WHOLE] = message;
  return message;
}

const isWhole = (message: object): boolean => (message as Markable)[WHOLE] === message;
const filled = (type: unknown, message: object): object =>
  isWhole(message) ? message : withDefaults(type, message);
const carriesStatus = (type: unknown): boolean => 'status' in withDefaults(type, {});
const isStatus = (type: unknown): boolean =>
  'errorCode' in withDefaults(type, {}) && 'reason' in withDefaults(type, {});

type AnyHandler = (request: object, context: CallContext) => Promise<object>;
/** Methods by the name that the definition gives them; their messages match by construction. */
const handlerOf = (handlers: object, key: string): AnyHandler | undefined =>
  Reflect.get(handlers, key) as AnyHandler | undefined;

/** A client that calls the handlers directly; messages are shared, not copied. */
export function inProcessClient<D extends ServiceDefinition>(
  definition: D,
  handlers: Handlers<D>,
): Client<D> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    client[key] = async (request: object, context: CallContext = backgroundContext) => {
      try {
        const handler = handlerOf(handlers, key);
        if (handler === undefined)
          throw new ElanusError('unsupported', `${definition.fullName}/${method.name} is not served here`);
        return filled(
          method.responseType,
          await handler.call(handlers, filled(method.requestType, request), context),
        );
      } catch (error) {
        throw toElanusError(error, `${definition.fullName}/${method.name}`);
      }
    };
  }
  return client as Client<D>;
}

/** Sends one call's bytes to whoever serves it now. */
export type Caller = (path: string, request: Uint8Array, context: CallContext) => Promise<Uint8Array>;
/** @param options `isRefusedUnseen` says whether a failure proves that no handler saw the call; such a call is sent once more. */
export function remoteClient<D extends ServiceDefinition>(
  definition: D,
  call: Caller,
  options: { readonly isRefusedUnseen?: (error: ElanusError) => boolean } = {},
): Client<D> {
  const client: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const path = `/${definition.fullName}/${method.name}`;
    const once = async (request: Uint8Array, context: CallContext): Promise<object> => {
      const response = decodeResponse(method, await call(path, request, context)) as {
        status?: Parameters<typeof errorOfStatus>[0];
      };
      const status = isStatus(method.responseType)
        ? (response as Parameters<typeof errorOfStatus>[0])
        : response.status;
      const failure =
        carriesStatus(method.responseType) || isStatus(method.responseType)
          ? errorOfStatus(status)
          : undefined;
      if (failure !== undefined) throw failure;
      return response;
    };
    client[key] = async (request: object, context: CallContext = backgroundContext) => {
      const bytes = codec(method.requestType).encode(filled(method.requestType, request)).finish();
      try {
        return await once(bytes, context);
      } catch (error) {
        if (!(error instanceof ElanusError) || options.isRefusedUnseen?.(error) !== true) throw error;
        return once(bytes, context);
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

export interface WireOptions {
  readonly onError?: (path: string, error: ElanusError) => void;
  readonly before?: (context: CallContext) => void;
  /** For requests of those who are not trusted to send what fits in memory; without it messages are decoded as they are. */
  readonly decoding?: DecodeAccount;
}

/** Methods for `Transport.listen`: decode, call, encode; whatever is thrown becomes a status in the response's own shape. */
export function wireMethods<D extends ServiceDefinition>(
  definition: D,
  handlers: Partial<Handlers<D>>,
  options: WireOptions = {},
): Map<string, MethodHandler> {
  const methods = new Map<string, MethodHandler>();
  for (const [key, method] of Object.entries(definition.methods)) {
    if (method.requestStream || method.responseStream) continue;
    const path = `/${definition.fullName}/${method.name}`;
    const hasStatus = carriesStatus(method.responseType);
    const bare = isStatus(method.responseType);
    methods.set(path, async (bytes, context) => {
      let response: object;
      let release: (() => void) | undefined;
      try {
        options.before?.(context);
        const handler = handlerOf(handlers, key);
        if (handler === undefined) {
          throw new ElanusError(
            'unsupported',
            `${method.name} is not supported by this version of Elanus; docs/compat.md lists what is`,
          );
        }
        if (context.signal.aborted)
          throw new ElanusError('cancelled', `${method.name}: its caller has gone before it began`);
        const decoded = decodeRequest(method, bytes, options.decoding);
        release = decoded.release;
        response = await handler.call(handlers, decoded.message, context);
        const wasWhole = isWhole(response);
        if (bare) response = { ...successStatus(), ...response };
        else if (hasStatus && !('status' in response && response.status !== undefined))
          response = { ...response, status: successStatus() };
        if (wasWhole) whole(response);
      } catch (error) {
        const failure = toElanusError(error, method.name);
        options.onError?.(path, failure);
        if (!hasStatus && !bare) throw failure;
        response = bare ? statusOf(failure) : { status: statusOf(failure) };
      } finally {
        release?.();
      }
      return codec(method.responseType).encode(filled(method.responseType, response)).finish();
    });
  }
  return methods;
}

interface Decoded {
  readonly message: object;
  readonly release?: () => void;
}

function decodeRequest(
  method: MethodDefinition,
  bytes: Uint8Array,
  account: DecodeAccount | undefined,
): Decoded {
  const type = codec(method.requestType);
  try {
    return account === undefined ? { message: type.decode(bytes) } : account.decode(type, bytes);
  } catch (error) {
    if (error instanceof ElanusError) throw error;
    throw new ElanusError(
      'invalid_parameter',
      `${method.name}: the request of ${bytes.length} bytes is not a valid protobuf message; send one encoded by a Milvus client: invalid parameter`,
      { cause: error },
    );
  }
}
