// The client surface: builds the parts of the proxy and joins them. Owns nothing durable.
import type { Platform } from '#platform/platform.js';
import type { Providers } from '#platform/providers/providers.js';
import type { MethodHandler } from '#platform/transport.js';
import { SentWrites } from '#roles/proxy/data/sent-writes.js';
import { Audit } from '#roles/proxy/users/audit.js';
import { type Gate, gateOf } from '#roles/proxy/users/guard.js';
import { openLogins } from '#roles/proxy/users/logins.js';
import type { Next } from '#rpc/interceptors.js';
import { CollectionAccess } from './collection-access.js';
import { methodTable } from './methods.js';
import type { ProxyPeers, ProxySettings } from './proxy-parts.js';
import { grpcMethods, publicCalls } from './public-service.js';

/** How clients reach the proxy: the same calls for each transport. */
export interface ProxyDoors {
  /** Bytes in, bytes out: gRPC, by path. Made when somebody is to listen. */
  grpcMethods(): ReadonlyMap<string, MethodHandler>;
  /** Messages in, messages out: REST, by the same paths. */
  readonly calls: ReadonlyMap<string, Next>;
  readonly access: CollectionAccess;
  /** Undefined: nobody is asked who they are. */
  readonly gate: Gate | undefined;
}

export class ProxyNode {
  readonly #platform: Platform;
  readonly #settings: ProxySettings;
  readonly #peers: ProxyPeers;
  readonly #providers: Providers;

  constructor(platform: Platform, settings: ProxySettings, peers: ProxyPeers, providers: Providers) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#providers = providers;
  }

  doors(): ProxyDoors {
    const [platform, settings, peers] = [this.#platform, this.#settings, this.#peers];
    const access = new CollectionAccess({ ...peers, timers: platform.timers, clock: platform.clock });
    const logins = openLogins(platform, peers);
    const { append } = new SentWrites({ ...peers, platform, settings });
    const streamingNode = { ...peers.streamingNode, append };
    const providers = this.#providers;
    const methods = methodTable({ ...peers, streamingNode, platform, settings, access, logins, providers });
    const audit = new Audit(platform);
    const guard = settings.auth ? { logins, audit, definitions: peers.definitions } : undefined;
    const parts = {
      platform,
      methods,
      explain: { ...peers, access },
      callDeadlineMs: settings.callDeadlineMs,
      guard,
      definitions: peers.definitions,
    };
    const gate = guard && gateOf(guard);
    return { grpcMethods: () => grpcMethods(parts), calls: publicCalls(parts), access, gate };
  }
}
