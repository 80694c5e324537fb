// The way of a simulated client to the public API: calls over the simulated network, each with a deadline on simulated time.
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { type Client, remoteClient, type ServiceDefinition } from '#rpc/service.js';

const CALL_LIMIT_MS = 8000;

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
