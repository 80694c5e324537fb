// The public calls for callers in this process: the chain of steps that serves gRPC and REST, messages in and messages out. Beside it, what
// a transport does: messages that belong to one side, bounds, deadlines, callers who give up, and an end.
import { ElanusError, toElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { SharedMemory } from '#base/shared-memory.js';
import type { ClientCallOptions, ClientMethod } from '#client/transport.js';
import type { Clock, Timer, Timers } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import type { Status } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { Next } from '#rpc/interceptors.js';
import { type CallLimits, CallRoom } from './call-room.js';
import { type OwnMessage, ownAnswer, ownRequest, RequestMemory } from './own-message.js';

export interface LocalCallsParts {
  /** By the path that gRPC gives them. */
  readonly calls: ReadonlyMap<string, Next>;
  readonly limits: CallLimits;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Hears when the first call begins and when the last has ended: a process must not end between. */
  readonly onBusy?: ((isBusy: boolean) => void) | undefined;
}

/** Who makes calls: what goes beside each of them. Its identity says which calls are its own. */
export interface Caller {
  readonly metadata: CallContext['metadata'];
}

/** One public call as a caller in this process gives it. */
export interface LocalCall {
  readonly caller: Caller;
  readonly method: ClientMethod;
  readonly request: object;
  /** Its bytes belong to the call already, but for those in shared memory. */
  readonly isMoved?: boolean;
  readonly options: ClientCallOptions;
}

interface RunningCall {
  readonly caller: Caller;
  /** Ends the call for its caller and for its handler. */
  end(error: ElanusError): void;
}

/** Calls whose requests are large, and of which nobody keeps a view once they are answered. */
const writes: ReadonlySet<ClientMethod> = new Set(['insert', 'upsert']);
/** Memory that waits for the next write. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

export class LocalCalls {
  readonly #parts: LocalCallsParts;
  readonly #room: CallRoom;
  readonly #running = new Set<RunningCall>();
  readonly #memory = new SharedMemory(KEPT_BYTES_MAX);
  #isOpen = true;
  /** What `close` waits for while calls run. */
  #onIdle: (() => void) | undefined;

  constructor(parts: LocalCallsParts) {
    this.#parts = parts;
    this.#room = new CallRoom(parts.limits);
  }

  /**
   * The request is copied before this returns: what its sender does with it afterwards changes nothing. The answer belongs to the caller.
   * @throws ElanusError by the promise, as ClientTransport says
   */
  async call(call: LocalCall): Promise<object> {
    const { method, options } = call;
    const definition = Object.hasOwn(MilvusServiceDefinition.methods, method)
      ? MilvusServiceDefinition.methods[method]
      : undefined;
    const next =
      definition && this.#parts.calls.get(`/${MilvusServiceDefinition.fullName}/${definition.name}`);
    if (definition === undefined || next === undefined)
      throw new ElanusError('unsupported', `${String(method)} is no call that is served in this process`);
    if (!this.#isOpen) throw closed(definition.name);
    if (options.signal?.aborted === true) throw cancelled(definition.name);
    if ((options.deadlineMs ?? Infinity) <= this.#parts.clock.now()) throw late(definition.name);
    const memory = writes.has(method) ? new RequestMemory(this.#memory) : undefined;
    const { message, bytes } = ownRequest(definition.requestType, call.request, { ...call, memory });
    const release = this.#room.take(definition.name, bytes);
    try {
      const answer = await this.#run(next, definition.name, message, call);
      const own: OwnMessage = ownAnswer(definition.responseType, answer);
      if (isDone(own.message)) memory?.giveBack();
      this.#room.checkAnswer(definition.name, own.bytes);
      return own.message;
    } finally {
      release();
    }
  }

  /** No more calls; those that run end, or are ended after the grace. */
  async close(graceMs: number): Promise<void> {
    this.#isOpen = false;
    if (this.#running.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const late = this.#parts.timers.after(graceMs, () => {
      for (const running of [...this.#running]) running.end(closed('a call that ran'));
    });
    await idle;
    late.cancel();
  }

  #idle(): void {
    this.#parts.onBusy?.(false);
    this.#onIdle?.();
  }

  /** Ends what a caller has under way that makes no calls any more. */
  endCallsOf(caller: Caller): void {
    for (const running of [...this.#running])
      if (running.caller === caller) running.end(cancelled('a call that ran'));
  }

  /** Settles when the handler does, or as soon as the caller gave up, the deadline passed or the database closed. */
  #run(next: Next, name: string, message: object, { caller, options }: LocalCall): Promise<object> {
    const { clock, timers } = this.#parts;
    const { signal, deadlineMs } = options;
    return new Promise((resolve, reject) => {
      const abort = new AbortController();
      let timer: Timer | undefined;
      const settle = (): boolean => {
        if (!this.#running.delete(running)) return false;
        timer?.cancel();
        forget?.();
        if (this.#running.size === 0) this.#idle();
        return true;
      };
      const running: RunningCall = {
        caller,
        end(error) {
          if (!settle()) return;
          reject(error);
          abort.abort();
        },
      };
      if (this.#running.size === 0) this.#parts.onBusy?.(true);
      this.#running.add(running);
      const forget = signal && onAbort(signal, () => running.end(cancelled(name)));
      if (deadlineMs !== undefined)
        timer = timers.after(deadlineMs - clock.now(), () => running.end(late(name)));
      const { metadata } = caller;
      const context = { signal: abort.signal, metadata, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
      next(message, context).then(
        (answer) => settle() && resolve(answer),
        (error: unknown) => settle() && reject(toElanusError(error, name)),
      );
    });
  }
}

/** A write that succeeded is durable and applied in every shard, and nobody reads its request any more. One that failed may still wait in one. */
const isDone = (answer: object): boolean =>
  'status' in answer && ((answer.status as Status | undefined)?.code ?? 0) === 0;

const closed = (name: string): ElanusError =>
  new ElanusError('service_unavailable', `${name}: the database closes: open it again, then call again`);

const cancelled = (name: string): ElanusError =>
  new ElanusError('cancelled', `${name}: cancelled by its caller`);

const late = (name: string): ElanusError =>
  new ElanusError('deadline_exceeded', `${name}: no answer before the deadline: allow more time or retry`);
