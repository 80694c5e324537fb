// The health protocol of gRPC, which probes speak that know no HTTP: the answer of GET /healthz, and as there nobody is asked who calls.
import type { MethodHandler } from '#platform/transport.js';
import {
  HealthCheckResponse,
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '#proto/grpc/health.js';
import type { Health } from './http-endpoints.js';

/**
 * Which service is asked about does not count, as in Milvus: one process serves all of them or none. `Watch` is not there, and clients that
 * watch take that for healthy by the protocol; a stream that ended after one answer, as Milvus's does, they would take for a failure.
 */
export function healthMethods(health: Health): ReadonlyMap<string, MethodHandler> {
  const { fullName, methods } = HealthDefinition;
  const check: MethodHandler = async () => {
    const isServing = health.reasons().length === 0;
    const status = isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    return HealthCheckResponse.encode({ status }).finish();
  };
  return new Map([[`/${fullName}/${methods.check.name}`, check]]);
}
