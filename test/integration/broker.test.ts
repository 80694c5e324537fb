// The seam between RootCoord and DataCoord: in one process, over a process border, and by a foreign client.
import { expect, test } from 'vitest';
import { brokerSuite } from './broker-suite.js';
import { type BrokerWorld, openInProcess, openSplit } from './broker-world.js';
import { connectRawDataCoord } from './raw-data-coord.js';

brokerSuite('in one process', () => openInProcess());
brokerSuite('data-coord in a second process', () => openSplit());
brokerSuite('a foreign gRPC client on the internal port', async () => {
  const world: BrokerWorld = await openInProcess(0);
  const raw = connectRawDataCoord(`127.0.0.1:${world.node.internalListener?.port}`);
  return {
    ...world,
    dataCoord: raw.dataCoord,
    async close() {
      raw.close();
      await world.close();
    },
  };
});

test('a foreign client reads statuses by number', async () => {
  const world = await openInProcess(0);
  const raw = connectRawDataCoord(`127.0.0.1:${world.node.internalListener?.port}`);
  try {
    expect(await raw.call('GetSegmentInfo', { segmentIDs: ['4711'] })).toMatchObject({
      status: { code: 600, error_code: 47 },
    });
    expect(await raw.call('GetInsertBinlogPaths', { segmentID: '4711' })).toMatchObject({
      status: { code: 600 },
      fieldIDs: [],
      paths: [],
    });
    expect(await raw.call('Flush', { collectionID: '4711' })).toMatchObject({ status: { code: 100 } });
    expect(await raw.call('GetFlushedSegments', { collectionID: '4711', partitionID: '-1' })).toMatchObject({
      segments: [],
    });
    expect(await raw.call('Import', {})).toMatchObject({ status: { code: 1101 }, datanode_id: '0' });
  } finally {
    raw.close();
    await world.close();
  }
});
