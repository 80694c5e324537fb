// Transport over a SimulatedNetwork. Bytes are copied at both ends, errors arrive as they do over gRPC.
import { ElanusError, type ErrorKey, messageOf } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { Clock } from '#platform/time.js';
import type {
  CallContext,
  Connection,
  Listener,
  ListenOptions,
  MethodHandler,
  Transport,
} from '#platform/transport.js';
import type { Endpoint, SimulatedNetwork } from './simulated-network.js';

const nobodyMs = 1; // A refused connection answers at once.
/** What the caller sees of a handler's error; all other keys become `internal`. */
const seenAs: Partial<Record<ErrorKey, ErrorKey>> = {
  service_unavailable: 'service_unavailable',
  service_not_ready: 'service_unavailable',
  cancelled: 'service_unavailable',
  deadline_exceeded: 'deadline_exceeded',
  unsupported: 'unsupported',
  parameter_too_large: 'parameter_too_large',
};

export class MemoryTransport implements Transport {
  readonly #network: SimulatedNetwork;
  readonly #host: string;
  readonly #alive: () => boolean;
  readonly #clock: Clock;
  /** Takes back what calls under way hung on their callers' signals. */
  readonly #underWay = new Set<() => void>();

  /** @param host the name of this process; it listens as `host:port` whatever address it binds */
  constructor(
    network: SimulatedNetwork,
    host: string,
    process: { readonly alive?: () => boolean; readonly clock?: Clock } = {},
  ) {
    this.#network = network;
    this.#host = host;
    this.#alive = process.alive ?? (() => true);
    this.#clock = process.clock ?? network.world.clock;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const { endpoint, port, addresses } = this.#network.listen(this.#host, options, this.#clock);
    const network = this.#network;
    return {
      host: options.host,
      port,
      async close(graceMs) {
        network.unlisten(addresses, endpoint);
        const end = network.world.clock.monotonic() + graceMs;
        while (endpoint.running > 0 && network.world.clock.monotonic() < end)
          await network.world.timers.sleep(Math.min(1, graceMs));
        network.closeEndpoint(endpoint);
      },
    };
  }

  /** The process died: nothing of its calls stays on signals that outlive it. */
  crash(): void {
    for (const forget of this.#underWay) forget();
    this.#underWay.clear();
  }

  connect(address: string): Connection {
    let closed = false;
    return {
      call: async (path, request, context) => {
        const where = `call ${path} to ${address}`;
        if (closed)
          throw new ElanusError('service_unavailable', `${where}: connection is closed: connect again`);
        if (context.signal.aborted)
          throw new ElanusError('cancelled', `${where}: cancelled by its caller before it began`);
        return this.#call(address, where, path, request.slice(), context);
      },
      close: () => {
        closed = true;
      },
    };
  }

  #call(
    address: string,
    where: string,
    path: string,
    request: Uint8Array,
    context: CallContext,
  ): Promise<Uint8Array> {
    const { world } = this.#network;
    return new Promise((resolve, reject) => {
      const remote = new AbortController();
      let endpoint: Endpoint | undefined;
      let settled = false;
      const finish = (settle: () => void): void => {
        if (settled) return;
        settled = true;
        deadline?.cancel();
        forget();
        this.#underWay.delete(forget);
        endpoint?.callers.delete(broken);
        if (this.#alive()) settle(); // The code of a crashed process waits for ever.
      };
      const fail = (key: ErrorKey, fact: string): void =>
        finish(() => reject(new ElanusError(key, `${where}: ${fact}`)));
      const broken = (): void => {
        remote.abort();
        fail('service_unavailable', 'peer not reached or broke off: check that it runs, then retry');
      };
      const gone = (): void => void world.schedule(nobodyMs, () => remote.abort());
      const cancelled = (): void => {
        gone();
        fail('cancelled', 'cancelled by its caller');
      };
      const late = (): void => {
        remote.abort();
        fail('deadline_exceeded', 'no answer before the deadline: allow more time or retry');
      };
      // On the wire a deadline is a span of time: two processes need not agree on the hour.
      const endMs =
        context.deadlineMs === undefined ? undefined : world.now + context.deadlineMs - this.#clock.now();
      const deadline = endMs === undefined ? undefined : world.schedule(endMs - world.now, late);
      const forget = onAbort(context.signal, cancelled);
      this.#underWay.add(forget);

      const answer = (outcome: () => void): void => {
        const fate = this.#network.fate(endpoint?.owner ?? this.#host, this.#host);
        if (fate.kind === 'lost') world.schedule(fate.giveUpMs, broken);
        else world.schedule(fate.delays[0] ?? 0, outcome);
      };
      const arrive = (): void => {
        const found = this.#network.find(address);
        if (found === undefined || (endpoint !== undefined && endpoint !== found))
          return void world.schedule(nobodyMs, broken);
        endpoint = found;
        if (!settled) found.callers.add(broken);
        const deadlineThere =
          endMs === undefined ? {} : { deadlineMs: Math.ceil(found.clock.now() + endMs - world.now) };
        this.#serve(found, path, request, {
          signal: remote.signal,
          metadata: context.metadata,
          ...deadlineThere,
        }).then(
          (reply) => answer(() => finish(() => resolve(reply))),
          (error: unknown) => {
            const { key, fact } = seenFromAfar(error);
            answer(() => fail(key, fact));
          },
        );
      };
      const target = this.#network.find(address);
      const to = target?.owner ?? address.slice(0, address.lastIndexOf(':'));
      const fate = this.#network.fate(this.#host, to, this.#network.mayDouble(path));
      if (fate.kind === 'lost') world.schedule(fate.giveUpMs, broken);
      else for (const delay of fate.delays) world.schedule(delay, arrive);
    });
  }

  async #serve(
    endpoint: Endpoint,
    path: string,
    request: Uint8Array,
    context: CallContext,
  ): Promise<Uint8Array> {
    const { options } = endpoint;
    const handler: MethodHandler | undefined = options.methods.get(path);
    if (handler === undefined)
      throw new ElanusError('unsupported', `the peer does not serve it (${path}): check its version`);
    if (request.length > options.receiveBytesMax)
      throw tooLarge('request', request.length, options.receiveBytesMax);
    endpoint.running++;
    try {
      const reply = await handler(request.slice(), context);
      if (reply.length > options.sendBytesMax) throw tooLarge('reply', reply.length, options.sendBytesMax);
      return reply.slice();
    } finally {
      endpoint.running--;
    }
  }
}

const tooLarge = (what: string, bytes: number, max: number): ElanusError =>
  new ElanusError(
    'parameter_too_large',
    `${what} of ${bytes} bytes is larger than ${max}: send less at once`,
  );

/** An error of the peer as its caller sees it. */
function seenFromAfar(error: unknown): { readonly key: ErrorKey; readonly fact: string } {
  const key = (error instanceof ElanusError ? seenAs[error.key] : undefined) ?? 'internal';
  return { key, fact: key === 'internal' ? `the peer failed: ${messageOf(error)}` : messageOf(error) };
}
