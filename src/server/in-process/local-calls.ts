// The public calls for callers in this process: the chain of steps that serves gRPC and REST, messages in and messages out. Beside it, what
// a transport does: messages that belong to one side, bounds, deadlines, callers who give up, and an end.
import { ElanusError, errorSpecs, toElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { SharedMemory } from '#base/shared-memory.js';
import type { ClientCallOptions, ClientMethod } from '#client/transport.js';
import type { Clock, Timers } from '#platform/time.js';
import type { CallContext } from '#platform/transport.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { Next } from '#rpc/interceptors.js';
import type { MethodDefinition } from '#rpc/service.js';
import { type CallLimits, CallRoom } from './call-room.js';
import { type OwnMessage, ownAnswer, ownRequest, RequestMemory } from './own-message.js';
import { type Caller, Deadlines, late, RunningCall } from './running-call.js';
import { wrongField } from './wrong-field.js';

export interface LocalCallsParts {
  /** By the path that gRPC gives them. */
  readonly calls: ReadonlyMap<string, Next>;
  readonly limits: CallLimits;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Hears when the first call begins and when the last has ended: a process must not end between. */
  readonly onBusy?: ((isBusy: boolean) => void) | undefined;
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

type Definition = Pick<MethodDefinition, 'name' | 'requestType' | 'responseType'>;
const PATH = `/${MilvusServiceDefinition.fullName}/`;
const INTERNAL = errorSpecs.internal.code;
/** Memory of requests that is used again. */
const SHARED_BYTES_MAX = 16 * 1024 * 1024;

export class LocalCalls {
  readonly #parts: LocalCallsParts;
  readonly #room: CallRoom;
  readonly #running = new Set<RunningCall>();
  readonly #deadlines: Deadlines;
  readonly #memory = new SharedMemory(SHARED_BYTES_MAX);
  #isOpen = true;
  /** What `close` waits for while calls run. */
  #onIdle: (() => void) | undefined;

  constructor(parts: LocalCallsParts) {
    this.#parts = parts;
    this.#room = new CallRoom(parts.limits);
    this.#deadlines = new Deadlines(parts, this.#running);
  }

  /**
   * The request is copied before this returns: what its sender does with it afterwards changes nothing. The answer belongs to the caller.
   * It settles when the handler does, or as soon as the caller gave up, the deadline passed or the database closed.
   * @throws ElanusError by the promise, as ClientTransport says
   */
  call(call: LocalCall): Promise<object> {
    try {
      return this.#begin(call);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #begin(call: LocalCall): Promise<object> {
    const { method, options, caller } = call;
    const definition = Object.hasOwn(MilvusServiceDefinition.methods, method)
      ? MilvusServiceDefinition.methods[method]
      : undefined;
    const next = definition && this.#parts.calls.get(PATH + definition.name);
    if (definition === undefined || next === undefined)
      throw new ElanusError('unsupported', `${String(method)} is no call that is served in this process`);
    const { name } = definition;
    const { deadlineMs, signal } = options;
    refuseWrongOptions(name, options);
    if (!this.#isOpen) throw closed(name);
    if (signal?.aborted === true) throw cancelled(name);
    if ((deadlineMs ?? Infinity) <= this.#parts.clock.now()) throw late(name);
    const memory = next.letsGo === true ? new RequestMemory(this.#memory) : undefined;
    const { message, bytes } = this.#admit(definition, call, memory);
    return new Promise((resolve, reject) => {
      const running = new RunningCall(name, caller, reject, () => {
        this.#running.delete(running);
        this.#room.give(bytes);
        if (this.#running.size === 0) this.#idle();
      });
      if (this.#running.size === 0) this.#parts.onBusy?.(true);
      this.#running.add(running);
      if (signal !== undefined) running.forget = onAbort(signal, () => running.end(cancelled(name)));
      if (deadlineMs !== undefined) this.#deadlines.watch(running, deadlineMs);
      const { metadata } = caller;
      const context: CallContext =
        deadlineMs === undefined
          ? { signal: running.signal, metadata }
          : { signal: running.signal, metadata, deadlineMs };
      lending(next, memory)(message, context).then(
        (answer) => {
          if (!running.settle()) return;
          try {
            resolve(this.#owned(definition, answer, call.request));
          } catch (error) {
            reject(error);
          }
        },
        (error: unknown) => {
          if (running.settle()) reject(toElanusError(error, name));
        },
      );
    });
  }

  /** The answer as its caller gets it. @throws parameter_too_large, invalid_parameter */
  #owned(definition: Definition, answer: object, request: object): object {
    refuseIfWrong(definition, answer, request);
    const { message, bytes } = ownAnswer(definition.responseType, answer);
    this.#room.checkAnswer(definition.name, bytes);
    return message;
  }

  /** The request as its sender has it now, in room that was taken for it. */
  #admit({ name, requestType }: Definition, call: LocalCall, memory: RequestMemory | undefined): OwnMessage {
    try {
      const { method, isMoved, request } = call;
      const own = ownRequest(requestType, request, { method, isMoved, memory });
      this.#room.take(name, own.bytes);
      return own;
    } catch (error) {
      memory?.giveBack();
      throw error;
    }
  }

  /** No more calls; those that run end, or are ended after the grace. */
  async close(graceMs: number): Promise<void> {
    this.#isOpen = false;
    if (this.#running.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      const late = this.#parts.timers.after(graceMs, () => {
        for (const running of [...this.#running]) running.end(closed('a call that ran'));
      });
      await idle;
      late.cancel();
    }
    this.#deadlines.close();
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
}

/** Programs without types give a controller for its signal. Behind this a call that throws would hold its room for good. @throws invalid_parameter */
function refuseWrongOptions(name: string, { deadlineMs, signal }: ClientCallOptions): void {
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function')
    throw new ElanusError(
      'invalid_parameter',
      `${name}: the signal is no AbortSignal; give it the signal of an AbortController`,
    );
  if (Number.isNaN(deadlineMs ?? 0))
    throw new ElanusError('invalid_parameter', `${name}: the deadline is no number; give it milliseconds`);
}

/** The call, which gives the memory of its request back once it has settled, whether its caller still waits or not. */
const lending = (next: Next, memory: RequestMemory | undefined): Next =>
  memory === undefined ? next : (request, context) => next(request, context).finally(() => memory.giveBack());

/** A call that failed without a reason that we know: its request may be no message. @throws invalid_parameter */
function refuseIfWrong({ name, requestType }: Definition, answer: object, request: object): void {
  const status = 'status' in answer ? answer.status : answer;
  const isInternal =
    typeof status === 'object' && status !== null && 'code' in status && status.code === INTERNAL;
  const wrong = isInternal ? wrongField(requestType, request) : undefined;
  if (wrong !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      `${name}: ${wrong}; give it what the type of the request says`,
    );
}

const closed = (name: string): ElanusError =>
  new ElanusError('service_unavailable', `${name}: the database closes: open it again, then call again`);

const cancelled = (name: string): ElanusError =>
  new ElanusError('cancelled', `${name}: cancelled by its caller`);
