// What a client makes of a failure of gRPC that has one code for several things.
import type { ServiceError } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { fromServiceError, status } from './grpc-status.js';

const NEVER = new AbortController().signal;
const keyOf = (details: string): string => {
  const failure = { code: status.RESOURCE_EXHAUSTED, details } as ServiceError;
  return fromServiceError(failure, 'call', NEVER, undefined).key;
};

it('parts messages that never fit from servers that are full', () => {
  expect(keyOf('Received message larger than max (70000000 vs 67108864)')).toBe('parameter_too_large');
  expect(keyOf('Sent message larger than max (70000000 vs. 67108864)')).toBe('parameter_too_large');
  expect(keyOf('grpc: received message larger than max')).toBe('parameter_too_large');
  expect(keyOf('no room for one more call: calls under way hold 5 of 6 bytes')).toBe('queue_full');
});
