// The loop over index definitions looks at a collection again only when something changed that its last look rested on.
import { expect, it } from 'vitest';
import { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import { type Handlers, inProcessClient } from '#rpc/service.js';
import { SettledIndexes, type Unsettled } from './settled-indexes.js';

function world() {
  const state = { definition: 1n, revision: 5n, segments: 1, isDown: false, calls: 0, isThere: true };
  const settled = new SettledIndexes({
    catalog: {
      revisionOf: () => state.definition,
      byId: () => (state.isThere ? ({} as never) : undefined),
    },
    channelRegistry: inProcessClient(ChannelRegistryDefinition, {
      dataRevisions: async ({ collectionIds }) => {
        state.calls++;
        if (state.isDown) throw new Error('down');
        const { revision, segments } = state;
        return { collections: collectionIds.map(() => ({ revision, segments, channels: 1 })) };
      },
    } as Partial<Handlers<typeof ChannelRegistryDefinition>> as Handlers<typeof ChannelRegistryDefinition>),
  });
  const look = async (...ids: readonly bigint[]): Promise<Unsettled[]> => {
    const found: Unsettled[] = [];
    for await (const one of settled.unsettled(ids)) found.push(one);
    return found;
  };
  const settle = async (...ids: readonly bigint[]): Promise<number> => {
    const found = await look(...ids);
    for (const { collectionId, basis } of found) if (basis !== undefined) settled.note(collectionId, basis);
    return found.length;
  };
  return { state, look, settle };
}

it('what nothing is missing of is looked at again after a change, and no sooner', async () => {
  const { look, settle, state } = world();
  expect(await settle(1n, 2n)).toBe(2);
  expect(await look(1n, 2n)).toEqual([]);
  state.revision++;
  expect(await settle(1n, 2n)).toBe(2);
  state.definition++;
  expect(await settle(1n, 2n)).toBe(2);
  state.segments = 2;
  expect(await settle(1n, 2n)).toBe(2);
  expect(await look(1n, 2n)).toEqual([]);
});

it('one without a segment is never looked at, and when nobody answers all are', async () => {
  const { look, settle, state } = world();
  await settle(1n);
  state.isDown = true;
  expect(await look(1n, 2n)).toEqual([1n, 2n].map((collectionId) => ({ collectionId, basis: undefined })));
  Object.assign(state, { isDown: false, segments: 0 });
  expect(await look(1n, 2n)).toEqual([]);
});

it('very many are asked about by few calls, and what is gone is forgotten', async () => {
  const { look, settle, state } = world();
  const ids = Array.from({ length: 1000 }, (_, id) => BigInt(id));
  expect(await settle(...ids)).toBe(1000);
  expect([await look(...ids), state.calls]).toEqual([[], 8]);
  state.isThere = false;
  expect(await look(...ids)).toHaveLength(1000);
});
