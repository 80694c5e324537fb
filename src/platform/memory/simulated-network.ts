// The network between simulated processes: who listens where, and what each link does to messages. A lost message shows as it does
// over TCP: the caller hears nothing until the connection is given up, and cannot know whether the call was carried out.
import { ElanusError } from '#base/errors.js';
import { nextFloat } from '#base/random.js';
import type { Clock } from '#platform/time.js';
import type { HttpRequest, HttpResponse, ListenOptions } from '#platform/transport.js';
import type { SimulatedWorld } from './simulated-time.js';

export interface Link {
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Probabilities per message, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** After a loss, the caller gives the connection up within this time. */
  readonly giveUpMs: number;
}

const perfect: Link = { delayMinMs: 0.05, delayMaxMs: 0.5, loss: 0, duplication: 0, giveUpMs: 1000 };

export interface Endpoint {
  readonly owner: string;
  readonly options: ListenOptions;
  /** Clock of the process that listens. */
  readonly clock: Clock;
  /** Handlers under way. */
  running: number;
  open: boolean;
  /** Calls that fail when the endpoint goes away. */
  readonly callers: Set<() => void>;
}

export type Fate =
  | { readonly kind: 'delivered'; readonly delays: readonly number[] }
  | { readonly kind: 'lost'; readonly giveUpMs: number };

export class SimulatedNetwork {
  readonly world: SimulatedWorld;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #displaced = new Set<Endpoint>();
  readonly #links = new Map<string, Link>();
  readonly #down = new Set<string>();
  /** Which calls a link may double: all by default. */
  mayDouble: (path: string) => boolean = () => true;
  readonly #cut = new Set<string>();
  #default: Link;
  #nextPort = 40_000;

  constructor(world: SimulatedWorld, defaults: Partial<Link> = {}) {
    this.world = world;
    this.#default = { ...perfect, ...defaults };
  }

  /** Sets the link between all hosts without one of their own. */
  setDefaultLink(link: Partial<Link>): void {
    this.#default = { ...this.#default, ...link };
  }

  /** One direction, between two hosts. */
  setLink(from: string, to: string, link: Partial<Link>): void {
    const name = `${from}>${to}`;
    this.#links.set(name, { ...(this.#links.get(name) ?? this.#default), ...link });
  }

  /** Messages between the two hosts are lost, both ways, until `heal`. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  heal(a: string, b: string): void {
    this.#cut.delete(`${a}>${b}`);
    this.#cut.delete(`${b}>${a}`);
  }

  /** The address (`host:port`) refuses connections and breaks those it has, until `up`. */
  down(address: string): void {
    this.#down.add(address);
    this.#breakOff(this.#endpoints.get(address));
  }

  up(address: string): void {
    this.#down.delete(address);
  }

  /** All that listens on the host is gone at once: its process died. */
  crash(owner: string): void {
    for (const [address, endpoint] of [...this.#endpoints]) {
      if (endpoint.owner !== owner) continue;
      this.#endpoints.delete(address);
      endpoint.open = false;
      this.#breakOff(endpoint);
    }
  }

  /** A request of the HTTP side of a port, as a client outside would send it. */
  async http(address: string, request: HttpRequest): Promise<HttpResponse> {
    await this.world.timers.sleep(this.#delay(this.#default));
    const handler = this.find(address)?.options.http;
    if (handler === undefined)
      throw new ElanusError(
        'service_unavailable',
        `http to ${address}: nothing serves it: check that it runs, then retry`,
      );
    return handler(request);
  }

  listen(
    owner: string,
    options: ListenOptions,
    clock: Clock = this.world.clock,
  ): { readonly endpoint: Endpoint; readonly port: number; readonly addresses: readonly string[] } {
    const port = options.port === 0 ? this.#nextPort++ : options.port;
    const addresses = [
      ...new Set([`${owner}:${port}`, ...(options.host === '0.0.0.0' ? [] : [`${options.host}:${port}`])]),
    ];
    for (const address of addresses) {
      if (this.#endpoints.has(address)) {
        throw new ElanusError(
          'refused',
          `cannot listen on ${address}: address in use: stop what uses the port or choose another`,
        );
      }
    }
    const endpoint: Endpoint = { owner, options, clock, running: 0, open: true, callers: new Set() };
    for (const address of addresses) this.#endpoints.set(address, endpoint);
    return { endpoint, port, addresses };
  }

  /** New calls do not find the host's process any more, while it goes on and answers those it has: another one is about to take its place. */
  displace(owner: string): void {
    for (const [address, endpoint] of [...this.#endpoints]) {
      if (endpoint.owner !== owner) continue;
      this.#endpoints.delete(address);
      this.#displaced.add(endpoint);
    }
  }

  /** The displaced processes of the host are gone: calls that they had break off. */
  vanish(owner: string): void {
    for (const endpoint of [...this.#displaced]) {
      if (endpoint.owner !== owner) continue;
      this.#displaced.delete(endpoint);
      this.closeEndpoint(endpoint);
    }
  }

  unlisten(addresses: readonly string[], endpoint: Endpoint): void {
    for (const address of addresses)
      if (this.#endpoints.get(address) === endpoint) this.#endpoints.delete(address);
  }

  /** Who serves the address now; undefined when none does or it is down. */
  find(address: string): Endpoint | undefined {
    return this.#down.has(address) ? undefined : this.#endpoints.get(address);
  }

  #breakOff(endpoint: Endpoint | undefined): void {
    for (const fail of [...(endpoint?.callers ?? [])]) fail();
  }

  closeEndpoint(endpoint: Endpoint): void {
    endpoint.open = false;
    this.#breakOff(endpoint);
  }

  /** Draws what happens to one message. */
  fate(from: string, to: string, mayDouble = true): Fate {
    const name = `${from}>${to}`;
    const link = this.#links.get(name) ?? this.#default;
    const random = this.world.random;
    // Drawn in every case, so that changing one probability does not shift all later draws.
    const [lossDraw, duplicationDraw, giveUp] = [nextFloat(random), nextFloat(random), nextFloat(random)];
    const delays = [this.#delay(link), this.#delay(link)];
    if (this.#cut.has(name) || lossDraw < link.loss)
      return { kind: 'lost', giveUpMs: link.giveUpMs * giveUp };
    return {
      kind: 'delivered',
      delays: mayDouble && duplicationDraw < link.duplication ? delays : delays.slice(0, 1),
    };
  }

  #delay(link: Link): number {
    return this.world.between(link.delayMinMs, link.delayMaxMs);
  }
}
