// The public services behind one chain of steps, the same for every method and every transport. Outermost first: measured, failures become
// statuses, callers that have gone are dropped, a deadline for everyone, who calls, the request is read, every field decided on, whether the
// caller may. A transport adds how it reads requests and writes answers.
import { must } from '#base/assert.js';
import type { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { MethodHandler } from '#platform/transport.js';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { ClientTelemetryServiceDefinition, MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { type ExplainParts, explainMethods } from '#roles/proxy/explain/explain-methods.js';
import { importJobMethods } from '#roles/proxy/imports/import-job-methods.js';
import { telemetryMethods } from '#roles/proxy/telemetry/telemetry-methods.js';
import { authenticated, authorized, type Guard } from '#roles/proxy/users/guard.js';
import { DecodeAccount } from '#rpc/decode-account.js';
import {
  chained,
  decodedWithin,
  encoded,
  type Interceptor,
  methodsOf,
  type Next,
  type ServiceMethod,
  statusOfErrors,
  unaryMethodsOf,
  unlessGone,
} from '#rpc/interceptors.js';
import { type ClosedParts, closedDatabases } from './closed-databases.js';
import type { MethodTable } from './methods.js';
import type { NotBuilt } from './proxy-parts.js';
import { refuseUnsupported } from './request-fields.js';
import { countedFailures, countedRows, measured } from './request-metrics.js';
import { notBuilt } from './unsupported-methods.js';

/** How a transport writes answers and reads requests. Without them the chain takes and gives messages. */
export interface TransportSteps {
  readonly write: readonly Interceptor[];
  readonly read: readonly Interceptor[];
}

export interface PublicServiceParts {
  readonly platform: Platform;
  readonly callDeadlineMs: number;
  readonly methods: MethodTable;
  /** Whom the calls of our own service ask. */
  readonly explain: ExplainParts;
  /** Not given: nobody is asked who they are. */
  readonly guard?: Guard | undefined;
  readonly definitions: ClosedParts;
}

/**
 * Calls with large requests, which nobody reads once they have settled: an append settles when its rows are durable and copied, or refused,
 * and these calls wait for all of theirs.
 */
const lettingGo: ReadonlySet<string> = new Set(['insert', 'upsert']);
type Entry = Next | NotBuilt;

/** Calls by the path that gRPC gives them. @param transport none: messages in, messages out */
export function publicCalls(
  { platform, callDeadlineMs, methods, explain, guard, definitions }: PublicServiceParts,
  transport: TransportSteps = { write: [], read: [] },
): Map<string, Next> {
  const onError = (path: string, error: ElanusError): void => {
    if (error.key !== 'internal') return;
    const stack = error.cause instanceof Error ? error.cause.stack : undefined;
    platform.logger.error('request_failed', { path, reason: error.message, stack });
  };
  const [login, permission] = guard === undefined ? [[], []] : [[authenticated(guard)], [authorized(guard)]];
  const before = [
    measured(platform),
    ...transport.write,
    statusOfErrors(onError, countedFailures(platform.metrics)),
    unlessGone,
    withDeadline(platform, callDeadlineMs),
    ...login,
  ];
  const within = [...transport.read, allFieldsDecided, ...permission];
  const counted = countedRows(platform.metrics);
  const last = ({ key }: ServiceMethod): readonly Interceptor[] => {
    const count = counted.get(key);
    return [...closedDatabases(key, definitions), ...(count === undefined ? [] : [count])];
  };
  const callOf = (method: ServiceMethod, entry: Entry): Next =>
    typeof entry === 'function'
      ? chained(method, [...before, ...within, ...last(method)], entry)
      : chained(method, before, () => Promise.reject(notBuilt(method.name, entry)));
  const milvus = methods as Readonly<Record<string, Entry>>;
  const telemetry = telemetryMethods(platform) as Readonly<Record<string, Entry>>;
  const own = { ...explainMethods(explain), ...importJobMethods(explain) } as Readonly<Record<string, Entry>>;
  const calls = [
    ...methodsOf(MilvusServiceDefinition).map((method) => [method, milvus[method.key]] as const),
    ...unaryMethodsOf(ClientTelemetryServiceDefinition).map(
      (method) => [method, telemetry[method.key]] as const,
    ),
    ...unaryMethodsOf(OperationsDefinition).map((method) => [method, own[method.key]] as const),
  ];
  return new Map(
    calls.map(([method, entry]) => {
      const call = callOf(method, must(entry, method.key));
      return [method.path, lettingGo.has(method.key) ? Object.assign(call, { letsGo: true }) : call];
    }),
  );
}

/** Methods for the public listener: bytes in, bytes out. What all requests hold decoded, together, has one bound. */
export const grpcMethods = (parts: PublicServiceParts): ReadonlyMap<string, MethodHandler> =>
  publicCalls(parts, { write: [encoded], read: [decodedWithin(new DecodeAccount())] }) as Map<
    string,
    MethodHandler
  >;

/** No call is without an end: who gives no deadline gets ours. */
const withDeadline =
  ({ clock }: Platform, callDeadlineMs: number): Interceptor =>
  (_method, request, context, next) =>
    next(
      request,
      context.deadlineMs === undefined ? { ...context, deadlineMs: clock.now() + callDeadlineMs } : context,
    );

/** Nothing that a client says is passed over: a field that this version would have to ignore is refused. */
const allFieldsDecided: Interceptor = (method, request, context, next) => {
  refuseUnsupported(method.key, request);
  return next(request, context);
};
