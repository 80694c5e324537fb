// A service of ours for other processes of ours: bytes in, the handler, bytes out. The public service has a longer chain of its own
// (roles/proxy/public-service.ts), made of the same steps.
import { ElanusError } from '#base/errors.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import {
  chained,
  decoded,
  encoded,
  type Interceptor,
  type Next,
  type ServiceMethod,
  statusOfErrors,
  unaryMethodsOf,
  unlessGone,
} from './interceptors.js';
import { SERVER_ID_HEADER } from './remote-role.js';
import { type Handlers, handlerOf, type ServiceDefinition } from './service.js';

export interface WireOptions {
  /** Refuses a call by what travels beside it, before it is read. */
  readonly before?: (context: CallContext) => void;
  /** Hears of every call that fails. */
  readonly onError?: (path: string, error: ElanusError, context: CallContext) => void;
}

/** For whom a call was meant is settled once it has arrived: calls that its handler makes with the same context are for others. */
function arrived(context: CallContext): CallContext {
  if (context.metadata[SERVER_ID_HEADER] === undefined) return context;
  const { [SERVER_ID_HEADER]: _meant, ...metadata } = context.metadata;
  return { ...context, metadata };
}

/** A chain that begins with `encoded` takes and gives bytes. */
function wireMethod(method: ServiceMethod, steps: readonly Interceptor[], handler: Next): MethodHandler {
  return chained(method, [encoded, ...steps], handler) as MethodHandler;
}

/** Methods for `Transport.listen`. */
export function wireMethods<D extends ServiceDefinition>(
  definition: D,
  handlers: Partial<Handlers<D>>,
  { before, onError }: WireOptions = {},
): Map<string, MethodHandler> {
  const admitted: Interceptor = (_method, request, context, next) => {
    before?.(context);
    return next(request, arrived(context));
  };
  const handlerFor =
    (method: ServiceMethod): Next =>
    (request, context) => {
      const handler = handlerOf(handlers, method.key);
      if (handler === undefined) throw new ElanusError('unsupported', `${method.name} is not served here`);
      return handler.call(handlers, request, context);
    };
  const steps = [statusOfErrors(onError), admitted, unlessGone, decoded];
  return new Map(
    unaryMethodsOf(definition).map((method) => [method.path, wireMethod(method, steps, handlerFor(method))]),
  );
}
