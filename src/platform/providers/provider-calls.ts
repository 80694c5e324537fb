// Calls of services outside. What must hold:
//
//  - A call ends: an attempt has 30 s, there are three, with growing pauses that are drawn at random; and it ends with its caller, whose
//    deadline also decides whether another pause fits. What is sent again is what failed for reasons that pass: 408, 429, 5xx, no answer.
//  - Calls under way have a bound, and so have those that wait for their turn; beyond it a caller is refused and may come again.
//  - What a service says of a failure reaches the caller, shortened and without the key.
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { joinSignals, onAbort } from '#base/on-abort.js';
import type { HttpClient, OutboundResponse } from '#platform/outside/http-client.js';
import type { Platform } from '#platform/platform.js';
import type { EmbeddingCaller } from '#text/functions/embedder.js';

const ATTEMPTS_MAX = 3;
const ATTEMPT_MS_MAX = 30_000;
const PAUSE_MS = 1000;
/** The longest pause that a service may ask for. */
const ASKED_PAUSE_MS_MAX = 20_000;
const UNDER_WAY_MAX = 16;
const WAITING_MAX = 1024;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const REASON_LENGTH_MAX = 300;

export interface ProviderCall {
  readonly provider: string;
  readonly url: string;
  /** JSON, or a form as text. */
  readonly body: object | string;
  /** Made for each attempt: signatures are of a time. */
  readonly headers: (body: Uint8Array<ArrayBuffer>) => Promise<Readonly<Record<string, string>>>;
  /** Never shown. */
  readonly secrets: readonly string[];
}

type CallPlatform = Pick<Platform, 'http' | 'clock' | 'timers' | 'random'>;

export class ProviderCalls {
  readonly #platform: CallPlatform;
  #underWay = 0;
  readonly #waiting = new Set<Deferred<void>>();

  constructor(platform: CallPlatform) {
    this.#platform = platform;
  }

  /** @returns what the service answered, as JSON @throws function_failed, provider_unavailable, queue_full, cancelled, deadline_exceeded */
  async post(call: ProviderCall, caller: EmbeddingCaller): Promise<unknown> {
    const { http } = this.#platform;
    if (http === undefined)
      throw new ElanusError(
        'unsupported',
        `provider ${call.provider}: this server reaches no services outside`,
      );
    await this.#turn(caller);
    try {
      return await this.#attempts(http, call, caller);
    } finally {
      this.#next();
    }
  }

  async #attempts(http: HttpClient, call: ProviderCall, caller: EmbeddingCaller): Promise<unknown> {
    const { clock, timers, random } = this.#platform;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(http, call, caller);
      if (!('failure' in outcome)) return outcome.answer;
      const { failure, askedMs } = outcome;
      const usualMs = PAUSE_MS * 2 ** (attempt - 1);
      const pauseMs = Math.max(askedMs, usualMs * (0.5 + random.nextUint32() / 2 ** 32));
      const isLast = attempt === ATTEMPTS_MAX || failure.key !== 'provider_unavailable';
      const isTooLate = caller.deadlineMs !== undefined && clock.now() + pauseMs >= caller.deadlineMs;
      if (isLast || isTooLate || pauseMs > ASKED_PAUSE_MS_MAX) throw failure;
      await timers.sleep(pauseMs, caller.signal).catch(() => this.#throwEnd(caller));
    }
  }

  async #attempt(
    http: HttpClient,
    call: ProviderCall,
    caller: EmbeddingCaller,
  ): Promise<{ readonly answer: unknown } | { readonly failure: ElanusError; readonly askedMs: number }> {
    if (caller.signal.aborted) this.#throwEnd(caller);
    const { url, provider } = call;
    const limit = new AbortController();
    const timer = this.#platform.timers.after(ATTEMPT_MS_MAX, () => limit.abort());
    const { signal, release } = joinSignals([caller.signal, limit.signal]);
    try {
      const isForm = typeof call.body === 'string';
      const body = new TextEncoder().encode(isForm ? String(call.body) : JSON.stringify(call.body));
      const contentType = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
      const headers = { 'content-type': contentType, ...(await call.headers(body)) };
      const response = await http.post({ url, headers, body, answerBytesMax: ANSWER_BYTES_MAX }, signal);
      if (response.status === 200) return { answer: parsed(provider, response) };
      const failure = failureOf(call, response);
      return { failure, askedMs: askedPause(response) };
    } catch (error) {
      if (caller.signal.aborted) this.#throwEnd(caller);
      if (error instanceof ElanusError && error.key !== 'service_unavailable') throw error;
      const why = limit.signal.aborted ? `no answer within ${ATTEMPT_MS_MAX} ms` : messageOf(error);
      const failure = new ElanusError(
        'provider_unavailable',
        `Call service failed, provider ${provider}: ${withoutSecrets(why, call)}; send the request again later`,
        { cause: error },
      );
      return { failure, askedMs: 0 };
    } finally {
      timer.cancel();
      release();
    }
  }

  #throwEnd({ deadlineMs }: EmbeddingCaller): never {
    if (deadlineMs !== undefined && this.#platform.clock.now() >= deadlineMs)
      throw new ElanusError(
        'deadline_exceeded',
        'the deadline passed while a service outside was asked; allow more time or send fewer texts',
      );
    throw new ElanusError('cancelled', 'the caller has gone; the service outside is not asked any more');
  }

  /** Waits until there is room for one more call. */
  async #turn(caller: EmbeddingCaller): Promise<void> {
    if (this.#underWay < UNDER_WAY_MAX) {
      this.#underWay++;
      return;
    }
    if (this.#waiting.size >= WAITING_MAX)
      throw new ElanusError(
        'queue_full',
        `${UNDER_WAY_MAX} calls of services outside are under way and ${WAITING_MAX} wait; send the request again later`,
      );
    const turn = deferred<void>();
    this.#waiting.add(turn);
    const forget = onAbort(caller.signal, () => {
      if (this.#waiting.delete(turn)) turn.reject(new ElanusError('cancelled', 'not waited for any more'));
    });
    await turn.promise.catch(() => this.#throwEnd(caller)).finally(forget);
  }

  /** Hands the place on, or leaves it empty. */
  #next(): void {
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#underWay--;
      return;
    }
    this.#waiting.delete(turn);
    turn.resolve();
  }
}

const utf8 = new TextDecoder();

function parsed(provider: string, { body }: OutboundResponse): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch (cause) {
    throw new ElanusError(
      'function_failed',
      `Call service failed, unmarshal response failed: provider ${provider} answered what is no JSON; check its address`,
      { cause },
    );
  }
}

const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

function failureOf(call: ProviderCall, { status, body }: OutboundResponse): ElanusError {
  const said = withoutSecrets(utf8.decode(body.subarray(0, 4096)), call).slice(0, REASON_LENGTH_MAX);
  const text = `Call service failed, provider ${call.provider}, errs:[${status}, ${said}]`;
  return isPassing(status)
    ? new ElanusError('provider_unavailable', `${text}; send the request again later`)
    : new ElanusError('function_failed', `${text}; check the model, its parameters and the credential`);
}

/** In ms; 0: none was asked for. */
function askedPause({ headers }: OutboundResponse): number {
  const seconds = headers['retry-after'] ?? '';
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0;
}

function withoutSecrets(text: string, { secrets }: ProviderCall): string {
  let shown = text;
  // White space around a key, as the end of a line in a variable, does not get into a header: services see what is between.
  for (const secret of secrets.map((one) => one.trim()))
    if (secret !== '') shown = shown.replaceAll(secret, '***');
  return shown;
}
