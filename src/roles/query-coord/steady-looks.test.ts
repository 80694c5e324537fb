// A look asks for a round where something changed that the last one rested on, or a shard did not keep what it was sent, and nowhere else.
import { expect, it } from 'vitest';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { Distribution } from './distribution.js';
import { freshly, type Loaded, PROVED_MS_MAX } from './loaded.js';
import { ROUNDS_MAX, STILL_MS_MAX, SteadyLooks } from './steady-looks.js';

function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
  return inProcessClient(definition, handlers as Handlers<D>);
}

function world(count = 1) {
  const { world: time, ...rest } = simulatedCluster(5);
  const platform = openMemoryPlatform({ cluster: { world: time, ...rest }, host: 'qc' });
  const state = {
    definition: 3n,
    data: { revision: 5n, segments: 1, channels: 1 },
    nodes: [501n],
    settled: new Map<string, bigint>(),
    isDown: false,
    hasMarks: true,
    isSilent: false,
    calls: 0,
  };
  const answering = async <T>(answer: T): Promise<T> => {
    state.calls++;
    if (state.isSilent) await new Promise(() => {});
    if (state.isDown) throw new Error('down');
    return answer;
  };
  const markOf = (...facts: readonly (bigint | number)[]): string =>
    state.hasMarks ? `of ${facts.join()}` : '';
  const distribution = new Distribution();
  const loaded = new Map<bigint, Loaded>();
  const asked: bigint[] = [];
  for (let id = 1n; id <= BigInt(count); id++) {
    const scope = { kind: 'collection' } as const;
    const definition = { collectionId: id, scope, resourceGroup: 'group', leftOut: [] };
    loaded.set(id, freshly(definition, platform.clock));
  }
  const looks = new SteadyLooks({
    platform,
    distribution,
    loaded,
    peers: {
      definitions: client(DefinitionsDefinition, {
        definitionRevisions: async ({ collectionIds }) =>
          answering({ revisions: collectionIds.map(() => state.definition), mark: markOf(state.definition) }),
      }),
      channelRegistry: client(ChannelRegistryDefinition, {
        dataRevisions: async ({ collectionIds }) =>
          answering({
            collections: collectionIds.map(() => state.data),
            mark: markOf(...Object.values(state.data)),
          }),
      }),
      streamingNode: client(StreamingNodeDefinition, {
        settledTargets: async ({ vchannels }) =>
          answering({
            versions: vchannels.map((name) => state.settled.get(name) ?? 0n),
            mark: markOf(...state.settled.values()),
          }),
      }),
    },
    nodesOf: () => state.nodes,
    syncSoon: (id) => {
      asked.push(id);
      const one = loaded.get(id);
      if (one !== undefined) one.isQueued = true;
    },
  });
  let version = 100n;
  /** The round of a collection, from its begin to its end. */
  const begin = (id: bigint): void => {
    const one = loaded.get(id);
    if (one === undefined) return;
    one.isQueued = false;
    one.proof.begin();
  };
  const end = (id: bigint): void => {
    const vchannel = `c${id}`;
    distribution.served({
      collectionId: id,
      vchannel,
      serverId: 9n,
      version: ++version,
      segments: new Map(),
    });
    state.settled.set(vchannel, version);
    loaded.get(id)?.proof.served(platform.clock.monotonic());
  };
  const look = async (): Promise<readonly bigint[]> => {
    asked.length = 0;
    await time.runUntil(looks.look([...loaded.keys()]));
    return [...asked];
  };
  const begins = () => time.runUntil(looks.beginPass());
  const pass = async (): Promise<readonly bigint[] | 'still'> => ((await begins()) ? 'still' : look());
  const round = (ids: readonly bigint[]): void => {
    for (const id of ids) {
      begin(id);
      end(id);
    }
  };
  return { state, loaded, look, begins, pass, round, begin, end, advance: (ms: number) => time.advance(ms) };
}

/** A collection that a look has proved to be as its round left it. */
async function proved() {
  const opened = world();
  opened.round(await opened.look());
  expect(await opened.look()).toEqual([]);
  return opened;
}

it('a round of which it is known what it rests on is proof, another is none', async () => {
  const { look, round } = world();
  round([1n]);
  expect(await look()).toEqual([1n]);
  round([1n]);
  expect(await look()).toEqual([]);
  round([1n]);
  expect(await look()).toEqual([1n]);
});

const changes: readonly [string, (opened: Awaited<ReturnType<typeof proved>>) => void][] = [
  ['its definition', ({ state }) => void state.definition++],
  ['a segment', ({ state }) => void state.data.revision++],
  ['a segment that went', ({ state }) => void state.data.segments--],
  ['a channel that came', ({ state }) => void state.data.channels++],
  ['a query-node', ({ state }) => void state.nodes.push(502n)],
  ['what a shard serves', ({ state }) => state.settled.clear()],
  ['the version that a shard serves', ({ state }) => void state.settled.set('c1', 7n)],
  ['that nobody answers', ({ state }) => void Object.assign(state, { isDown: true })],
];

it.each(changes)('what changed is seen: %s', async (_, change) => {
  const opened = await proved();
  change(opened);
  expect(await opened.look()).toEqual([1n]);
});

it.each(changes)('nothing is looked at before something has changed: %s', async (_, change) => {
  const opened = await proved();
  expect(await opened.pass()).toEqual([]);
  opened.state.calls = 0;
  for (let times = 0; times < 3; times++) expect(await opened.pass()).toBe('still');
  expect(opened.state.calls).toBe(9);
  change(opened);
  expect(await opened.pass()).toEqual([1n]);
});

it('a look that found something to do, or that something changed behind, is followed by another', async () => {
  const { pass, round, state, loaded, look } = world(2);
  const found = await pass();
  expect(found).toEqual([1n, 2n]);
  expect(await pass()).toEqual([]);
  round([1n, 2n]);
  expect(await pass()).toEqual([]);
  state.definition++;
  expect(await pass()).toEqual([1n, 2n]);
  round([1n, 2n]);
  expect(await pass()).toEqual([]);
  expect(await pass()).toBe('still');
  loaded.delete(2n);
  expect(await pass()).toEqual([]);
  // A round that rests on nothing, which nobody's mark shows.
  round([1n]);
  expect(await look()).toEqual([1n]);
  expect(await pass()).not.toBe('still');
});

it('who does not answer keeps no look from coming', async () => {
  const { state, begins } = await proved();
  state.isSilent = true;
  expect(await begins()).toBe(false);
  state.isSilent = false;
  expect(await begins()).toBe(false);
  expect(await begins()).toBe(true);
});

it('without marks, and from time to time with them, all is looked at', async () => {
  const { pass, state, advance } = await proved();
  state.hasMarks = false;
  for (let times = 0; times < 3; times++) expect(await pass()).toEqual([]);
  state.hasMarks = true;
  expect(await pass()).toEqual([]);
  await advance(STILL_MS_MAX - 1000);
  expect(await pass()).toBe('still');
  await advance(1000);
  expect(await pass()).toEqual([]);
  expect(await pass()).toBe('still');
});

it('a round that fails proves nothing, nor does one that ran while something changed', async () => {
  const { look, begin, end, round, state } = await proved();
  state.data.revision++;
  for (const id of await look()) begin(id);
  expect(await look()).toEqual([1n]);
  begin(1n);
  state.definition++;
  end(1n);
  expect(await look()).toEqual([1n]);
  round([1n]);
  expect(await look()).toEqual([]);
});

it('nothing rests on one proof for ever', async () => {
  const { look, advance } = await proved();
  await advance(PROVED_MS_MAX - 1000);
  expect(await look()).toEqual([]);
  await advance(1000);
  expect(await look()).toEqual([1n]);
});

it('many: a bounded number of rounds at once, then none, by three calls', async () => {
  const { look, round, state } = world(ROUNDS_MAX * 2 + 1);
  const rounds: number[] = [];
  for (let pass = 0; pass < 4; pass++) {
    const asked = await look();
    rounds.push(asked.length);
    round(asked);
  }
  expect(rounds).toEqual([ROUNDS_MAX, ROUNDS_MAX, 1, 0]);
  state.calls = 0;
  await look();
  expect(state.calls).toBe(3);
});

it('one that waits for its round, or for its next attempt, is not asked for again', async () => {
  const { look, loaded } = world(2);
  const [first] = loaded.values();
  if (first !== undefined) first.timer = { cancel: () => {} };
  expect(await look()).toEqual([2n]);
  expect(await look()).toEqual([]);
});
