// One call of data-coord: a deadline over all its tries, pauses between them, and a typed error that names the call.
import { deferred } from '#base/async.js';
import { ElanusError, toElanusError } from '#base/errors.js';
import { joinSignals, onAbort } from '#base/on-abort.js';
import { nextFloat } from '#base/random.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { REQUEST_ID_HEADER } from '#rpc/remote-role.js';

export interface BrokerOptions {
  /** How long one call may take, waiting for the peer and asking it again included, in ms. */
  readonly deadlineMs: number;
  /** Ends every call: the owner stops. */
  readonly signal?: AbortSignal;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 3000;
/** A peer that honours the deadline answers a little before this guard, with the better reason. */
const GUARD_MS = 50;

type Run<T> = (context: CallContext) => Promise<T>;

export class BrokerCalls {
  readonly #platform: Platform;
  readonly #options: BrokerOptions;
  #calls = 0;

  constructor(platform: Platform, options: BrokerOptions) {
    this.#platform = platform;
    this.#options = options;
  }

  /** @throws deadline_exceeded, cancelled, service_unavailable when the owner stops, internal when there is no answer, and what the peer said */
  async run<T>(name: string, signal: AbortSignal | undefined, run: Run<T>): Promise<T> {
    const deadlineMs = this.#platform.clock.now() + this.#options.deadlineMs;
    const requestId = this.#nextRequestId();
    const over = new AbortController();
    const stops = [over.signal, signal, this.#options.signal].filter((one) => one !== undefined);
    const { signal: stop, release } = joinSignals(stops);
    const guard = this.#platform.timers.after(this.#options.deadlineMs + GUARD_MS, () => over.abort());
    const stopped = deferred<never>();
    const onStop = (): void => stopped.reject(this.#whyStopped(name, over.signal.aborted));
    const forget = onAbort(stop, onStop);
    try {
      const answer = this.#retrying(run, {
        ...{ signal: stop, deadlineMs },
        metadata: { [REQUEST_ID_HEADER]: requestId },
      });
      const result = await Promise.race([stopped.promise, answer]);
      if (result === undefined || result === null)
        throw new ElanusError('internal', `DataCoord.${name}: empty answer, expected a response`);
      return result;
    } catch (error) {
      const failure = toElanusError(error, `DataCoord.${name}`);
      const fields = { call: name, requestId, key: failure.key, reason: failure.message };
      this.#platform.logger.debug('data_coord_call_failed', fields);
      throw failure;
    } finally {
      guard.cancel();
      forget();
      release();
    }
  }

  #whyStopped(name: string, isLate: boolean): ElanusError {
    const { deadlineMs, signal } = this.#options;
    if (isLate)
      return new ElanusError(
        'deadline_exceeded',
        `DataCoord.${name}: no answer within ${deadlineMs} ms; is data-coord running and reachable?`,
      );
    // The caller is still there, and whoever takes this place may have its answer.
    if (signal?.aborted === true)
      return new ElanusError(
        'service_unavailable',
        `DataCoord.${name}: root-coord ended before the answer came; ask again, the next one may answer`,
      );
    return new ElanusError('cancelled', `DataCoord.${name}: cancelled by its caller before the answer came`);
  }

  /** The same for all tries of one call, and no other call's: logs of both sides are joined by it. */
  #nextRequestId(): string {
    const random = this.#platform.random.nextUint32().toString(16).padStart(8, '0');
    return `${random}-${(++this.#calls).toString(16)}`;
  }

  /** Each of the six may be repeated without harm, so a peer that breaks off is asked again until the deadline. */
  async #retrying<T>(run: Run<T>, context: CallContext & { readonly deadlineMs: number }): Promise<T> {
    for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2)) {
      try {
        return await run(context);
      } catch (error) {
        const waitMs = pauseMs * (0.8 + 0.4 * nextFloat(this.#platform.random));
        const mayRetry =
          error instanceof ElanusError && error.key === 'service_unavailable' && !context.signal.aborted;
        if (!mayRetry || this.#platform.clock.now() + waitMs >= context.deadlineMs) throw error;
        await this.#platform.timers.sleep(waitMs, context.signal);
      }
    }
  }
}
