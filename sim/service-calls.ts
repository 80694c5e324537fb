// The way of a simulated client to the public API: calls over the simulated network, each with a deadline on simulated time.
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { type Client, remoteClient, type ServiceDefinition } from '#rpc/service.js';
import { Violation } from './model.js';

const CALL_LIMIT_MS = 8000;

/** What only the roles have to do with each other: clients never hear of it while their deadline lasts. They never cancel, so nothing is cancelled. */
const insideKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  ...(['internal', 'unsupported', 'cancelled', 'catalog_conflict', 'segment_not_found'] as const),
  ...(['node_mismatch', 'other_process_meant', 'channel_not_found', 'channel_moved', 'wal_fenced'] as const),
  ...(['target_outdated', 'sources_lost'] as const),
]);

/** @throws Violation when a call was answered with what belongs inside. Whatever breaks outside has a name of its own. */
export function checkAnswered(name: string, error: unknown): void {
  if (error instanceof ElanusError && insideKeys.has(error.key))
    throw new Violation(`an internal error is answered: ${name} ${error.key}: ${error.message}`);
}

export function serviceAt<D extends ServiceDefinition>(
  network: SimulatedNetwork,
  address: string,
  definition: D,
): Client<D> {
  const connection = new MemoryTransport(network, 'client').connect(address);
  return remoteClient(definition, (path, request, context) => connection.call(path, request, context));
}

/** What goes with one call that begins now. */
export const callContext = ({ world: { clock } }: SimulatedNetwork): CallContext => ({
  signal: new AbortController().signal,
  deadlineMs: clock.now() + CALL_LIMIT_MS,
  metadata: {},
});
