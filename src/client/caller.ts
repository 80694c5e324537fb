// One call with what every call has: a deadline, a signal, its status as an error, and repetition where that is safe. Only this file
// decides what is sent again.
import type { Random } from '#base/random.js';
import type { Clock, Timers } from '#platform/time.js';
import type { Status } from '#proto/milvus/common.js';
import { CancelledError, ClientError, errorOfAnswer, errorOfTransport, UnavailableError } from './errors.js';
import type { ClientAnswer, ClientMethod, ClientRequest, ClientTransport } from './transport.js';

/** What any call takes. */
export interface CallOptions {
  /** Gives the call up; a read that runs stops soon. */
  readonly signal?: AbortSignal | undefined;
  /** After so many milliseconds nobody waits for the answer, repetitions included. */
  readonly timeoutMs?: number | undefined;
}

export interface RetryRule {
  /** Calls in all; 1: nothing is sent again. */
  readonly attempts: number;
  /** The first pause; each is twice the one before it, less up to a half by chance, so that clients that failed together do not come back together. */
  readonly minMs: number;
  readonly maxMs: number;
}

export interface CallerSettings {
  readonly timeoutMs: number;
  readonly retry: RetryRule;
}

export const defaultSettings: CallerSettings = {
  timeoutMs: 60_000,
  retry: { attempts: 5, minMs: 50, maxMs: 2_000 },
};

/**
 * Whether a call that may have happened may be made again. `safe`: made twice it does what it does once. `unsent`: only where the server
 * says that it did not begin.
 */
export type Repetition = 'safe' | 'unsent';

/** Not ready, queue full, rate limit, out of memory for now: the server refused before it did anything. */
const refusedUnseen: ReadonlySet<number> = new Set([1, 4, 8, 12]);

/** What each attempt of a call is sent with. */
interface Begun {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

/** What a caller is made of. */
export interface CallerParts {
  readonly transport: ClientTransport;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly settings: CallerSettings;
}

export class Caller {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly settings: CallerSettings;
  /** When this client wrote last: what a read with the consistency `session` must have seen. */
  lastWrite = 1n;
  readonly #transport: ClientTransport;
  readonly #random: Random;

  constructor({ transport, clock, timers, random, settings }: CallerParts) {
    this.#transport = transport;
    this.#random = random;
    this.clock = clock;
    this.timers = timers;
    this.settings = settings;
  }

  /** @throws ClientError */
  async call<Method extends ClientMethod>(
    method: Method,
    request: ClientRequest<Method>,
    options: CallOptions = {},
    repetition: Repetition = 'safe',
  ): Promise<ClientAnswer<Method>> {
    const { retry } = this.settings;
    const deadlineMs = this.deadlineOf(options);
    const sent = { signal: options.signal, deadlineMs };
    for (let attempt = 1, pauseMs = retry.minMs; ; attempt++, pauseMs = Math.min(retry.maxMs, pauseMs * 2)) {
      let failure: ClientError | undefined;
      try {
        this.#checkBegin(method, sent);
        const answer = await this.#transport.call(method, request, sent);
        failure = errorOfAnswer(method, statusIn(answer));
        if (failure === undefined) return answer;
      } catch (error) {
        failure = failureOf(method, error, options.signal);
      }
      const thisMs = this.#shortened(pauseMs);
      const isOver = attempt >= retry.attempts || this.clock.now() + thisMs >= deadlineMs;
      if (isOver || !mayRepeat(failure, repetition)) throw failure;
      await this.pause(method, thisMs, options.signal);
    }
  }

  #shortened(pauseMs: number): number {
    return Math.round(pauseMs - (pauseMs / 2) * (this.#random.nextUint32() / 2 ** 32));
  }

  /** Wall-clock milliseconds at which a call that begins now is over. */
  deadlineOf({ timeoutMs = this.settings.timeoutMs }: CallOptions): number {
    return this.clock.now() + timeoutMs;
  }

  /** @throws CancelledError */
  async pause(call: string, pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.timers.sleep(pauseMs, signal);
    } catch (error) {
      throw failureOf(call, error, signal);
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  /** @throws CancelledError, DeadlineError */
  #checkBegin(method: ClientMethod, { signal, deadlineMs }: Begun): void {
    if (signal?.aborted) throw ClientError.ofCancel(method, signal);
    if (this.clock.now() >= deadlineMs)
      throw ClientError.ofDeadline('its time is over before it began; give it a larger timeoutMs', method);
  }
}

/** What was cancelled has the reason of its signal as its cause, whatever the transport said. */
function failureOf(call: string, error: unknown, signal: AbortSignal | undefined): ClientError {
  const failure = errorOfTransport(call, error);
  return signal?.aborted && failure instanceof CancelledError ? ClientError.ofCancel(call, signal) : failure;
}

function mayRepeat(error: ClientError, repetition: Repetition): boolean {
  if (!error.isRetriable) return false;
  return repetition === 'safe' || (error instanceof UnavailableError && refusedUnseen.has(error.code));
}

/** An answer is a status, or has one, or has none. */
function statusIn(answer: object): Status | undefined {
  if ('status' in answer) return answer.status as Status | undefined;
  if ('alterStatus' in answer) return answer.alterStatus as Status | undefined;
  return 'errorCode' in answer ? (answer as Status) : undefined;
}
