// Looks from time to time whether loaded collections are still as their last round left them, many with three calls. A round describes a
// collection, lists its segments and sends its shards their target: for thousands that nobody touches that is more than all else a database
// does at rest. So a look asks for a round only where something that the last one rested on has changed, or a shard has not kept what it was sent.
// And where nothing at all has changed since a look at everything that found nothing to do, there is no look: three marks say so, however many
// collections there are.
import { messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { endedSoon } from '#platform/time.js';
import type { CollectionIds, SettledTargetsRequest } from '#proto/elanus/roles.js';
import { whole } from '#rpc/service.js';
import type { Distribution } from './distribution.js';
import type { Loaded } from './loaded.js';
import type { QueryCoordPeers } from './query-coord-peers.js';

/** Rounds that one look asks for. Many at once would be a burst of calls, and a heap that grows for it and stays large. */
export const ROUNDS_MAX = 64;

/** So long at most nothing is looked at because nothing changes, in ms: nothing rests on marks alone for ever. */
export const STILL_MS_MAX = 300_000;

/** Marks that have not come by then are not waited for, in ms. */
const MARKS_MS_MAX = 1000;

/** A look at everything, some at a time. */
interface Pass {
  /** From before it; undefined: not known, or a peer has none. */
  readonly mark: string | undefined;
  readonly beganMs: number;
  /** Looks of it that have not ended. */
  looking: number;
  /** None of them found anything to do, or left anything out. */
  isQuiet: boolean;
}

export interface SteadyLooksParts {
  readonly platform: Pick<Platform, 'clock' | 'logger' | 'timers'>;
  readonly peers: Pick<QueryCoordPeers, 'channelRegistry' | 'definitions' | 'streamingNode'>;
  readonly distribution: Distribution;
  readonly loaded: ReadonlyMap<bigint, Loaded>;
  /** The query-nodes that may serve the collections of a resource group. */
  readonly nodesOf: (resourceGroup: string) => readonly bigint[];
  readonly syncSoon: (collectionId: bigint) => void;
}

export class SteadyLooks {
  readonly #parts: SteadyLooksParts;
  readonly #groups = new Set<string>();
  #pass: Pass = { mark: undefined, beganMs: 0, looking: 0, isQuiet: false };

  constructor(parts: SteadyLooksParts) {
    this.#parts = parts;
  }

  /**
   * To be called before a look at everything.
   * @returns true: it would find nothing, for the one before it did, and nothing has changed since that began. Then none follows. Never rejects
   */
  async beginPass(): Promise<boolean> {
    const before = this.#pass;
    let mark: string | undefined;
    const asked = this.#mark().then((answered) => {
      mark = answered;
    });
    // A peer that is away may not answer for long: then all is looked at.
    await endedSoon(this.#parts.platform.timers, asked, MARKS_MS_MAX);
    const beganMs = this.#parts.platform.clock.monotonic();
    const isStill =
      before.isQuiet &&
      before.looking === 0 &&
      mark !== undefined &&
      mark === before.mark &&
      beganMs - before.beganMs < STILL_MS_MAX;
    if (!isStill) this.#pass = { mark, beganMs, looking: 0, isQuiet: true };
    return isStill;
  }

  /** What every look goes by, in all roles. */
  async #mark(): Promise<string | undefined> {
    const { peers, loaded, nodesOf } = this.#parts;
    const asked = whole<CollectionIds>({ collectionIds: [] });
    const marks = await Promise.all([
      peers.definitions.definitionRevisions(asked),
      peers.channelRegistry.dataRevisions(asked),
      peers.streamingNode.settledTargets(whole<SettledTargetsRequest>({ vchannels: [] })),
    ]);
    if (marks.some(({ mark }) => mark === '')) return undefined;
    const nodes = [...this.#groups].map((group) => `${group} ${nodesOf(group).join()}`);
    return [...marks.map(({ mark }) => mark), loaded.size, ...nodes].join('\n');
  }

  async look(ids: readonly bigint[]): Promise<void> {
    const pass = this.#pass;
    pass.looking++;
    if ((await this.#look(ids)) > 0) pass.isQuiet = false;
    pass.looking--;
  }

  /** @returns how many need a round, or wait for one */
  async #look(ids: readonly bigint[]): Promise<number> {
    const { platform, syncSoon } = this.#parts;
    const resting = ids.filter((id) => this.#isResting(id));
    const bases = await this.bases(resting).catch((error: unknown) => {
      platform.logger.debug('load_look_failed', { reason: messageOf(error) });
      return new Map<bigint, string>();
    });
    const nowMs = platform.clock.monotonic();
    const proved = resting.filter((id) => this.#parts.loaded.get(id)?.proof.holds(bases.get(id), nowMs));
    const kept = await this.#kept(proved).catch(() => new Set<bigint>());
    const due = resting.filter((id) => !kept.has(id) && this.#isResting(id));
    for (const id of due.slice(0, ROUNDS_MAX)) {
      this.#parts.loaded.get(id)?.proof.ask(bases.get(id));
      syncSoon(id);
    }
    return due.length + ids.length - resting.length;
  }

  /** One that waits for its next attempt, or for the round that is asked for, is looked at anyway. */
  #isResting(id: bigint): boolean {
    const loaded = this.#parts.loaded.get(id);
    return loaded !== undefined && loaded.timer === undefined && !loaded.isQueued;
  }

  /** What a round of each would rest on. A round that begins later reads what is as new, or newer: then the next look finds it changed. */
  async bases(ids: readonly bigint[]): Promise<ReadonlyMap<bigint, string>> {
    if (ids.length === 0) return new Map();
    const { peers, loaded, nodesOf } = this.#parts;
    const asked = whole<CollectionIds>({ collectionIds: [...ids] });
    const [{ revisions }, { collections }] = await Promise.all([
      peers.definitions.definitionRevisions(asked),
      peers.channelRegistry.dataRevisions(asked),
    ]);
    const bases = new Map<bigint, string>();
    const nodes = new Map<string, string>();
    for (const [at, id] of ids.entries()) {
      const [definition, data] = [revisions[at], collections[at]];
      const group = loaded.get(id)?.definition.resourceGroup;
      if (definition === undefined || data === undefined || group === undefined) continue;
      const { revision, segments, channels } = data;
      const serving = nodes.get(group) ?? nodesOf(group).join();
      nodes.set(group, serving);
      this.#groups.add(group);
      bases.set(id, `${definition} ${revision} ${segments} ${channels} ${serving}`);
    }
    return bases;
  }

  /** Those of which every shard serves what the last round sent it, and has nothing left to do. */
  async #kept(ids: readonly bigint[]): Promise<ReadonlySet<bigint>> {
    const { distribution, peers } = this.#parts;
    const kept = new Set(ids);
    const sent = ids.flatMap((id) =>
      distribution.channelsOf(id).map(([vchannel, { version }]) => ({ id, vchannel, version })),
    );
    if (sent.length === 0) return kept;
    const vchannels = sent.map(({ vchannel }) => vchannel);
    const { versions } = await peers.streamingNode.settledTargets(
      whole<SettledTargetsRequest>({ vchannels }),
    );
    for (const [at, { id, version }] of sent.entries()) if (versions[at] !== version) kept.delete(id);
    return kept;
  }
}
