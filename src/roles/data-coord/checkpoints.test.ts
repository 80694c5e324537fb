// Checkpoints of many channels are one change of the catalog, and each stands for itself. Nobody who takes many over gets a copy of each schema.
import { expect, it } from 'vitest';
import { CheckpointOutcome } from '#proto/elanus/roles.js';
import { fresh } from '../../../test/support/data-coord.js';

it('moves those that the writer owns, says what became of the others, and never goes back', async () => {
  const { registry, calls, run, platform } = await fresh();
  const names = Array.from({ length: 100 }, (_, at) => `by-dev-rootcoord-dml_0_${at + 7}v0`);
  for (const [at, name] of names.entries()) {
    const collectionID = BigInt(at + 7);
    await run(
      calls.watchChannels({ collectionID, channelNames: [name], schema: { name: 'c' }, createTimestamp: 5n }),
    );
  }
  const { channels } = await run(registry.acquireChannels({ serverId: 8n }));
  const epoch = channels[0]?.channel?.epoch ?? 0n;
  let transactions = 0;
  const transact = platform.metaStore.transact.bind(platform.metaStore);
  platform.metaStore.transact = (...change) => {
    transactions++;
    return transact(...change);
  };
  const save = async (lsn: bigint) => {
    const checkpoints = names.map((vchannel) => ({ vchannel, epoch, lsn, timestamp: lsn * 10n }));
    const others = [
      { ...checkpoints[3], epoch: epoch - 1n, lsn: 99n },
      { vchannel: 'by-dev-rootcoord-dml_0_6v0', epoch, lsn },
    ];
    return (await run(registry.saveCheckpoints({ checkpoints: [...checkpoints, ...others] }))).outcomes;
  };
  const { CheckpointSaved, CheckpointChannelGone, CheckpointChannelMoved } = CheckpointOutcome;
  const expected = [...names.map(() => CheckpointSaved), CheckpointChannelMoved, CheckpointChannelGone];
  expect(await save(20n)).toEqual(expected);
  expect(transactions).toBe(1);
  expect(await save(10n)).toEqual(expected);
  const after = await run(registry.acquireChannels({ serverId: 9n }));
  expect(
    new Set(after.channels.map(({ channel }) => `${channel?.checkpointLsn} ${channel?.checkpointTimestamp}`)),
  ).toEqual(new Set(['20 200']));
});

it('channels of one make have their schema in common where they are taken over and listed', async () => {
  const { registry, calls, run } = await fresh();
  for (const collectionID of [7n, 8n]) {
    const channelNames = [`by-dev-rootcoord-dml_0_${collectionID}v0`];
    const schema = { name: `c${collectionID}`, fields: [{ fieldID: 100n, name: 'id' }] };
    await run(calls.watchChannels({ collectionID, channelNames, schema, createTimestamp: 5n }));
  }
  const { channels: taken } = await run(registry.acquireChannels({ serverId: 8n }));
  const { channels: listed } = await run(registry.listSegments({ collectionId: 7n }));
  const fields = [...taken.map(({ channel }) => channel), ...listed].map(
    (channel) => channel?.schema?.fields,
  );
  expect(fields).toHaveLength(3);
  expect(fields[0]).toHaveLength(1);
  expect(new Set(fields).size).toBe(1);
});
