// What a probe asks that speaks gRPC and no HTTP, such as `grpc:` of Kubernetes.
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { HealthCheckRequest, HealthCheckResponse, HealthDefinition } from '#proto/grpc/health.js';
import { healthMethods } from '#server/grpc-health.js';
import { open } from '#server/open.js';
import { connectRaw } from './raw-client.js';

const { fullName, methods } = HealthDefinition;
const unaborted = { signal: new AbortController().signal, metadata: {} };

test('a server that serves says so to those without a password, whichever service they name', async () => {
  const database = await open(undefined, { logLevel: 'error', auth: true });
  const raw = connectRaw(database.address);
  try {
    for (const service of ['', 'milvus.proto.milvus.MilvusService', 'readiness']) {
      const request = HealthCheckRequest.encode({ service }).finish();
      const answer = HealthCheckResponse.decode(await raw.call(methods.check.name, request, fullName));
      expect([service, answer]).toEqual([service, { status: 1 }]);
    }
    const watched = raw.call(methods.watch.name, new Uint8Array(0), fullName);
    await expect(watched).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  } finally {
    raw.close();
    await database.close();
  }
});

test('a server that does not serve says that', async () => {
  const served = healthMethods({ reasons: () => ['query-node was lost'] });
  const answer = await served.get('/grpc.health.v1.Health/Check')?.(new Uint8Array(0), unaborted);
  expect(HealthCheckResponse.decode(answer ?? new Uint8Array(0))).toEqual({ status: 2 });
});
