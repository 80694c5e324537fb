// The client surface: builds the parts of the proxy and joins them. Owns nothing durable.
import type { Platform } from '#platform/platform.js';
import type { MethodHandler } from '#platform/transport.js';
import { CollectionAccess } from './collection-access.js';
import { methodTable } from './methods.js';
import type { ProxyPeers, ProxySettings } from './proxy-parts.js';
import { grpcMethods } from './public-service.js';

export class ProxyNode {
  readonly #platform: Platform;
  readonly #settings: ProxySettings;
  readonly #peers: ProxyPeers;

  constructor(platform: Platform, settings: ProxySettings, peers: ProxyPeers) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
  }

  /** Methods for the public listener, by path. */
  methods(): ReadonlyMap<string, MethodHandler> {
    const [platform, settings, peers] = [this.#platform, this.#settings, this.#peers];
    const access = new CollectionAccess({ ...peers, timers: platform.timers });
    const methods = methodTable({ ...peers, platform, settings, access });
    return grpcMethods({ platform, methods, callDeadlineMs: settings.callDeadlineMs });
  }
}
