// What tests of transports share: the real one, the real one in threads and the simulated one, each with its time; listeners that are
// closed after the test.
import { afterEach } from 'vitest';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { canSharePorts } from '#platform/node/grpc/port-bind.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';
import type { Clock, Timers } from '#platform/time.js';
import type { CallContext, Listener, ListenOptions, MethodHandler, Transport } from '#platform/transport.js';

export interface Bench {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Lets simulated time pass until the work is done. */
  drive<T>(work: () => Promise<T>): Promise<T>;
}

const nodeBench = (transport: Transport = new GrpcTransport()): Bench => ({
  transport,
  clock: nodeClock,
  timers: nodeTimers,
  drive: (work) => work(),
});

/** As if every listener had been asked for threads. */
export class ThreadedTransport extends GrpcTransport {
  override listen(options: ListenOptions): Promise<Listener> {
    return super.listen({ ...options, threads: 2 });
  }
}

export function memoryBench(): Bench & { world: SimulatedWorld; network: SimulatedNetwork } {
  const world = new SimulatedWorld({ seed: 7 });
  const network = new SimulatedNetwork(world);
  const { clock, timers } = world;
  return {
    world,
    network,
    transport: new MemoryTransport(network, 'a'),
    clock,
    timers,
    drive: (work) => world.runUntil(work()),
  };
}

const open: Listener[] = [];
afterEach(async () => {
  for (const listener of open.splice(0)) void listener.close(0);
});

export async function listen(
  transport: Transport,
  methods: Record<string, MethodHandler>,
  more: Partial<ListenOptions> = {},
): Promise<Listener> {
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    methods: new Map(Object.entries(methods)),
    receiveBytesMax: 100_000_000,
    sendBytesMax: 100_000_000,
    ...more,
  });
  open.push(listener);
  return listener;
}

export const context = (more: Partial<CallContext> = {}): CallContext => ({
  signal: new AbortController().signal,
  metadata: {},
  ...more,
});

export const address = (listener: Listener): string => `${listener.host}:${listener.port}`;

/** Threads of one process can listen on one port together. */
export const sharesPorts = await canSharePorts('127.0.0.1');
export const benches: [string, () => Bench][] = [
  ['grpc', () => nodeBench()],
  ['memory', memoryBench],
];
if (sharesPorts) benches.push(['grpc in threads', () => nodeBench(new ThreadedTransport())]);
