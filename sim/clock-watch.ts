// Somebody who asks both coordinators for the time, each by its address, whoever is active: of two answers the later one is the larger number.
// A coordinator that goes on after another took its place would give a time that lies behind.
import { ElanusError } from '#base/errors.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { remoteClient } from '#rpc/service.js';
import { coordinatorAddresses } from './cluster.js';
import { Violation } from './model.js';
import { callContext } from './service-calls.js';

const PAUSE_MS = 150;

export class ClockWatch {
  readonly #network: SimulatedNetwork;
  /** The newest time that was answered by now. */
  #newest = 0n;
  #reads = true;

  constructor(network: SimulatedNetwork) {
    this.#network = network;
  }

  /** Until `stop`. @throws Violation */
  async run(): Promise<void> {
    await Promise.all(coordinatorAddresses.map((address) => this.#follow(address)));
  }

  stop(): void {
    this.#reads = false;
  }

  async #follow(address: string): Promise<void> {
    const connection = new MemoryTransport(this.#network, 'client').connect(address);
    const rootCoord = remoteClient(RootCoordDefinition, (path, request, context) =>
      connection.call(path, request, context),
    );
    while (this.#reads) {
      const before = this.#newest;
      try {
        const { timestamp } = await rootCoord.allocTimestamp({ count: 1 }, callContext(this.#network));
        if (timestamp <= before)
          throw new Violation(
            `time went back: ${address} answered ${timestamp} after ${before} was answered`,
          );
        if (timestamp > this.#newest) this.#newest = timestamp;
      } catch (error) {
        if (!(error instanceof ElanusError)) throw error; // It stands by, or is down.
      }
      await this.#network.world.timers.sleep(PAUSE_MS);
    }
  }
}
