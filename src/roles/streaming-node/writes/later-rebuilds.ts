// Shards whose rows found no memory when they were replayed: each is rebuilt after a pause, which grows until they find some.
import { ElanusError, messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { ChannelRecord } from '#proto/elanus/data.js';

/** The first pause, and the longest, in ms. */
const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 30_000;

interface Lacking {
  readonly timer: Timer;
  readonly pauseMs: number;
}

export class LaterRebuilds {
  readonly #platform: Pick<Platform, 'timers' | 'logger'>;
  readonly #rebuild: (channel: ChannelRecord) => Promise<void>;
  readonly #lacking = new Map<string, Lacking>();
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  constructor(
    platform: Pick<Platform, 'timers' | 'logger'>,
    rebuild: (channel: ChannelRecord) => Promise<void>,
  ) {
    this.#platform = platform;
    this.#rebuild = rebuild;
  }

  /** Not closed, and nobody forgot it since it lacked memory. */
  wants(vchannel: string): boolean {
    return !this.#isClosed && this.#lacking.has(vchannel);
  }

  /** A shard was rebuilt. @param failure of its replay */
  rebuilt(channel: ChannelRecord, failure: ElanusError | undefined): void {
    const { cause } = failure ?? {};
    if (cause instanceof ElanusError && cause.key === 'memory_limit') this.#later(channel);
    else this.forget(channel.vchannel);
  }

  #later(channel: ChannelRecord): void {
    if (this.#isClosed) return;
    const { vchannel } = channel;
    const before = this.#lacking.get(vchannel);
    // It may be offered again, and rebuilt, before its time has come.
    before?.timer.cancel();
    const pauseMs = Math.min(PAUSE_MS_MAX, (before?.pauseMs ?? PAUSE_MS_MIN / 2) * 2);
    const timer = this.#platform.timers.after(pauseMs, () => {
      const running = this.#rebuild(channel)
        .catch((error: unknown) => {
          this.#platform.logger.warn('shard_not_rebuilt', { vchannel, reason: messageOf(error) });
          if (error instanceof ElanusError && error.key === 'channel_moved') this.forget(vchannel);
          else if (this.wants(vchannel)) this.#later(channel);
        })
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    this.#lacking.set(vchannel, { timer, pauseMs });
  }

  forget(vchannel: string): void {
    this.#lacking.get(vchannel)?.timer.cancel();
    this.#lacking.delete(vchannel);
  }

  /** None runs any more when this settles. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { timer } of this.#lacking.values()) timer.cancel();
    await Promise.all(this.#running);
  }
}
