// Writes to shards of other processes, carried out once each. A write that broke off with its process, or met an owner whose log another one has,
// goes to whoever owns the channel by then, until the deadline. It has an id, which is in the log with its rows: an owner that finds it there
// answers with its time, and one that knows all writes since it was sent, and not this one, carries it out.
import { ElanusError, type ErrorKey } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import { deadlineOf, type ProxyParts } from '#roles/proxy/proxy-parts.js';
import { NotSentError } from '#rpc/remote-role.js';
import { isRefusal } from './of-all-shards.js';

interface SentWritesParts extends Pick<ProxyParts, 'platform'> {
  readonly settings: Pick<ProxyParts['settings'], 'serverId' | 'callDeadlineMs'>;
  readonly rootCoord: Pick<ProxyParts['rootCoord'], 'allocTimestamp'>;
  readonly streamingNode: Pick<ProxyParts['streamingNode'], 'append'>;
  readonly nodes: Pick<ProxyParts['nodes'], 'of'>;
}
type Append = SentWritesParts['streamingNode']['append'];

/** The process that had the write is gone, or its channel is another's: whether the write was carried out is not known. */
const brokenKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  'service_unavailable',
  'node_mismatch',
  'wal_fenced',
]);
/** No handler has seen the write, or none that wrote it. */
const unseenKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  'service_not_ready',
  'session_suspended',
  'other_process_meant',
]);
/** A write that goes again meets these where the next owner does not serve the channel yet. */
const laterKeys: ReadonlySet<ErrorKey> = new Set<ErrorKey>(['channel_not_available', 'channel_moved']);

/** A time before a write is asked for when the last one that is known is older, in ms. */
const TIME_MS_MAX = 1000;
/** So long a write waits for it, in ms. */
const ORACLE_MS_MAX = 500;
/** Between two tries, in ms. */
const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 100;

export class SentWrites {
  readonly #parts: SentWritesParts;
  #number = 0n;
  /** A time of the cluster that is past, and when it was heard by the monotonic clock. */
  #past = { timestamp: 0n, heardMs: Number.NEGATIVE_INFINITY };

  constructor(parts: SentWritesParts) {
    this.#parts = parts;
  }

  readonly append: Append = async (write, context) => {
    const { nodes, streamingNode } = this.#parts;
    // What runs here ends with this process.
    const isHere = nodes.of('streaming-node').some(({ address }) => address === undefined);
    if (isHere || context === undefined) return streamingNode.append(write, context);
    const sentAfter = await this.#timeBefore(context);
    this.#number++;
    const writeId = { writer: this.#parts.settings.serverId, number: this.#number };
    const answer = await this.#sent({ ...write, writeId }, sentAfter, context);
    this.#heard(answer.timestamp);
    return answer;
  };

  async #sent(write: Parameters<Append>[0], sentAfter: bigint, context: CallContext): ReturnType<Append> {
    const { streamingNode, platform } = this.#parts;
    const deadlineMs = deadlineOf(context, this.#parts);
    /** The first try of which nobody knows whether it was carried out. */
    let broken: ElanusError | undefined;
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
      try {
        return await streamingNode.append(broken === undefined ? write : { ...write, sentAfter }, {
          ...context,
          deadlineMs,
        });
      } catch (error) {
        const kind = kindOf(error, broken !== undefined);
        if (kind === undefined) throw error;
        if (kind === 'broken') broken ??= error as ElanusError;
        const isOver = context.signal.aborted || platform.clock.now() + pauseMs >= deadlineMs;
        if (isOver || (broken !== undefined && sentAfter === 0n)) throw forClients(broken ?? error);
      }
      await platform.timers.sleep(pauseMs, context.signal);
    }
  }

  /** A time that is past when the write is sent; 0n: the oracle has never answered. */
  async #timeBefore(context: CallContext): Promise<bigint> {
    const { platform, rootCoord } = this.#parts;
    const { clock } = platform;
    if (clock.monotonic() - this.#past.heardMs <= TIME_MS_MAX) return this.#past.timestamp;
    const deadlineMs = Math.min(deadlineOf(context, this.#parts), clock.now() + ORACLE_MS_MAX);
    await rootCoord.allocTimestamp({ count: 1 }, { ...context, deadlineMs }).then(
      ({ timestamp }) => this.#heard(timestamp),
      // What was heard before is past as well.
      () => {},
    );
    return this.#past.timestamp;
  }

  #heard(timestamp: bigint): void {
    const heardMs = this.#parts.platform.clock.monotonic();
    if (timestamp > this.#past.timestamp) this.#past = { timestamp, heardMs };
  }
}

function kindOf(error: unknown, isAgain: boolean): 'broken' | 'unseen' | undefined {
  if (!(error instanceof ElanusError)) return undefined;
  if (error instanceof NotSentError || unseenKeys.has(error.key)) return 'unseen';
  if (brokenKeys.has(error.key)) return 'broken';
  // What an earlier try did a refusal of this one does not say, and its code would have clients write all of it once more.
  return isAgain && (laterKeys.has(error.key) || isRefusal(error)) ? 'unseen' : undefined;
}

/** Which process has the log is no client's matter. */
const forClients = (error: unknown): unknown =>
  error instanceof ElanusError && (error.key === 'wal_fenced' || error.key === 'node_mismatch')
    ? new ElanusError(
        'service_unavailable',
        'the process that had the write was replaced, and no other answered before the deadline: whether it was carried out is not known; read the rows, then write what is missing',
        { cause: error },
      )
    : error;
