// Calls that are carried out once, however often they are sent. The caller gives each a number and says which of its calls have ended; whoever
// carries one out writes a receipt in the same transaction (receipts.ts), and finds it when the call comes again.
import type { CallContext } from '#platform/transport.js';

const CALL_HEADER = 'elanus-call';
const HEADER = /^([0-9]{1,20})\/([0-9]{1,20})\/([0-9]{1,20})\/([01])$/;

export interface CallNumber {
  /** The server id of the process that makes the call. */
  readonly caller: bigint;
  /** From 1, one more with each call of the process. */
  readonly number: bigint;
  /** Calls of the process with lower numbers have ended: none of them comes again. */
  readonly firstOpen: bigint;
  /** It may have been sent before. */
  readonly isAgain: boolean;
}

/** The number that a call has, if its caller gave it one. */
export function callNumberIn({ metadata }: Pick<CallContext, 'metadata'>): CallNumber | undefined {
  const [, caller, number, firstOpen, again] = HEADER.exec(metadata[CALL_HEADER] ?? '') ?? [];
  if (caller === undefined || number === undefined || firstOpen === undefined) return undefined;
  return {
    caller: BigInt(caller),
    number: BigInt(number),
    firstOpen: BigInt(firstOpen),
    isAgain: again === '1',
  };
}

/** A call that has not ended. */
export interface OpenCall {
  /** The context of the next try. */
  context(of: CallContext): CallContext;
  /** It does not go again, whether it was answered or not. */
  end(): void;
}

export class NumberedCalls {
  readonly #caller: bigint;
  #newest = 0n;
  /** In the order of their numbers. */
  readonly #open = new Set<bigint>();

  constructor(caller: bigint) {
    this.#caller = caller;
  }

  begin(): OpenCall {
    this.#newest++;
    const number = this.#newest;
    this.#open.add(number);
    let isAgain = false;
    return {
      context: (of) => {
        const [firstOpen = number] = this.#open;
        const value = `${this.#caller}/${number}/${firstOpen}/${isAgain ? 1 : 0}`;
        isAgain = true;
        return { ...of, metadata: { ...of.metadata, [CALL_HEADER]: value } };
      },
      end: () => void this.#open.delete(number),
    };
  }
}
