// Flush, writers of another make, recovery and RootCoord as a plain gRPC client sees them, and calls that are none.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROTOCOL_VERSION } from '#rpc/remote-role.js';
import { insertRange, until } from './support.js';
import { type Field, int, ints, message, messages, type Read, texts } from './wire-bytes.js';
import { base, openWireWorld, ROWS, SUCCESS, statusOf, type WireWorld } from './wire-world.js';

let world: WireWorld;
beforeAll(async () => {
  world = await openWireWorld();
});
afterAll(() => world?.close());

describe('Flush', () => {
  test('the newest fields of the answer, and the state until every checkpoint has passed its time', async () => {
    const id = await world.collection('sealed', 0, 0, 2);
    await insertRange(world.client, 'sealed', 0, 100);
    const answer = await world.dataCoord('Flush', [base(402n), [2, 1n], [4, id]]);
    expect(statusOf(message(answer, 1))).toEqual(SUCCESS);
    expect([int(answer, 2), int(answer, 3)]).toEqual([1n, id]);
    const sealed = ints(answer, 4);
    expect(sealed.length).toBeGreaterThanOrEqual(1);
    expect(ints(answer, 5)).toEqual([]);
    expect(int(answer, 6)).toBeGreaterThan(1_500_000_000n);
    const flushTs = int(answer, 7);
    expect(messages(answer, 8)).toHaveLength(2);
    await until('the files', async () =>
      int(
        await world.dataCoord('GetFlushState', [
          [2, flushTs],
          [5, id],
        ]),
        2,
      ) === 1n
        ? true
        : undefined,
    );
    expect(new Set(await world.flushedOf(id))).toEqual(new Set(sealed));
    // A flushed segment that is named again stays as it is.
    const again = await world.dataCoord('Flush', [
      [3, sealed[0] ?? 0n],
      [4, id],
    ]);
    expect(ints(again, 4)).toEqual([]);
    expect(new Set(ints(again, 5))).toEqual(new Set(sealed));
    const states = messages(
      await world.dataCoord(
        'GetSegmentStates',
        sealed.map((one): Field => [2, one]),
      ),
      2,
    );
    expect(states.map((one) => int(one, 2))).toEqual(sealed.map(() => 4n));
  });
  test('of a collection that is not known: 100', async () => {
    expect(statusOf(message(await world.dataCoord('Flush', [[4, 4711n]]), 1)).code).toBe(100n);
  });
  test('a state that is not reached names the channel it waits for', async () => {
    const future = (BigInt(Date.now()) + 3_600_000n) << 18n;
    const answer = await world.dataCoord('GetFlushState', [
      [2, future],
      [5, world.books],
    ]);
    expect([int(answer, 2), statusOf(message(answer, 1))]).toEqual([0n, SUCCESS]);
    const [extra] = messages(message(answer, 1), 6);
    expect([texts(extra ?? new Map(), 1), texts(extra ?? new Map(), 2)]).toEqual([
      ['waits_for'],
      [expect.stringMatching(new RegExp(`^channel (${world.channels.join('|')})$`))],
    ]);
    const all = await world.dataCoord('GetFlushAllState', [[2, future]]);
    expect(int(all, 2)).toBe(0n);
    expect(texts(messages(message(all, 1), 6)[0] ?? new Map(), 2)[0]).toMatch(/^channel .+v\d+$/);
    expect(statusOf(message(await world.dataCoord('GetFlushAllState', []), 1)).code).toBe(1101n);
  });
});

describe('writers of another make', () => {
  test('get ids one by one, are fenced by the owner of the channel, and may say the same twice', async () => {
    const [channel = ''] = world.channels;
    const asked = (name: string): Field => [
      3,
      [
        [1, 10n],
        [2, name],
        [3, world.books],
        [4, 1n],
      ],
    ];
    const assigned = messages(await world.dataCoord('AssignSegmentID', [asked(channel), asked('none')]), 1);
    expect(assigned.map((one) => statusOf(message(one, 7)).code)).toEqual([0n, 500n]);
    expect(assigned.map((one) => int(one, 3))).toEqual([10n, 0n]);
    expect(int(assigned[0] ?? new Map(), 1)).toBeGreaterThan(0n);
    const [segment = 0n] = await world.flushedOf(world.books);
    const [info = new Map()] = await world.infosOf([segment]);
    const logs = messages(info, 11).map((field): Field => {
      const [log = new Map()] = messages(field, 2);
      return [
        4,
        [
          [1, int(field, 1)],
          [
            2,
            [
              [1, int(log, 1)],
              [4, texts(log, 4)[0] ?? ''],
              [5, int(log, 5)],
            ],
          ],
        ],
      ];
    });
    const saved = (sender: bigint): Field[] => [
      [
        1,
        [
          [1, 0n],
          [4, sender],
        ],
      ],
      [2, segment],
      [3, world.books],
      ...logs,
      [7, 1n],
      [12, texts(info, 4)[0] ?? ''],
      [17, 1n],
    ];
    const stranger = await world.dataCoord('SaveBinlogPaths', saved(12345n));
    expect(statusOf(stranger).code).toBe(507n);
    const states = await world.dataCoord('GetComponentStates', []);
    const owner = int(message(states, 1), 1);
    for (let round = 0; round < 3; round++)
      expect(statusOf(await world.dataCoord('SaveBinlogPaths', saved(owner)))).toEqual(SUCCESS);
    expect((await world.infosOf([segment])).map((one) => messages(one, 11).length)).toEqual([4]);
  });
  test('a checkpoint, a state, a drop from outside are refused while they would lose rows', async () => {
    const [segment = 0n] = await world.flushedOf(world.books);
    const [channel = ''] = world.channels;
    const future = (BigInt(Date.now()) + 3_600_000n) << 18n;
    const moved = await world.dataCoord('UpdateChannelCheckpoint', [
      [
        4,
        [
          [1, channel],
          [4, future],
        ],
      ],
    ]);
    expect(statusOf(moved).code).toBe(3000n);
    expect(
      statusOf(
        await world.dataCoord('UpdateChannelCheckpoint', [
          [
            4,
            [
              [1, channel],
              [4, 1n],
            ],
          ],
        ]),
      ),
    ).toEqual(SUCCESS);
    expect(statusOf(await world.dataCoord('MarkSegmentsDropped', [[2, segment]])).code).not.toBe(0n);
    expect(statusOf(await world.dataCoord('MarkSegmentsDropped', [[2, 4711n]]))).toEqual(SUCCESS);
    expect(
      statusOf(
        message(
          await world.dataCoord('SetSegmentState', [
            [2, segment],
            [3, 3n],
          ]),
          1,
        ),
      ).code,
    ).not.toBe(0n);
    expect(statusOf(message(await world.dataCoord('DropVirtualChannel', [[2, channel]]), 1)).code).not.toBe(
      0n,
    );
    expect(statusOf(message(await world.dataCoord('DropVirtualChannel', [[2, 'gone']]), 1))).toEqual(SUCCESS);
    expect(Number((await world.client.count({ collection_name: 'books' })).data)).toBe(ROWS);
  });
});

describe('recovery', () => {
  test('both forms: where each channel is read again, and what is in files', async () => {
    const ids = await world.flushedOf(world.books);
    const early = await world.dataCoord('GetRecoveryInfo', [base(0n), [2, world.books], [3, -1n]]);
    expect(
      messages(early, 2)
        .flatMap((channel) => texts(channel, 2))
        .sort(),
    ).toEqual([...world.channels].sort());
    expect(messages(early, 3).map((one) => int(one, 1))).toEqual(ids);
    expect(messages(early, 3).reduce((sum, one) => sum + int(one, 3), 0n)).toBe(BigInt(ROWS));
    const newest = await world.dataCoord('GetRecoveryInfoV2', [[2, world.books]]);
    expect(
      messages(newest, 2)
        .flatMap((channel) => ints(channel, 8))
        .sort(),
    ).toEqual([...ids].sort());
    for (const channel of messages(newest, 2)) expect(int(message(channel, 3), 4)).toBeGreaterThan(0n);
    expect(messages(newest, 3).map((one) => int(one, 1))).toEqual(ids);
  });
});

describe('RootCoord', () => {
  test('time and ids rise, and a time that is to pass is waited for', async () => {
    const first = await world.rootCoord('AllocTimestamp', [base(0n), [3, 10n]]);
    expect(int(first, 3)).toBe(10n);
    const block = int(first, 2) + (30n << 18n);
    const past = await world.rootCoord('AllocTimestamp', [
      [3, 1n],
      [4, block],
    ]);
    expect(int(past, 2)).toBeGreaterThan(block);
    const [one, two] = [
      await world.rootCoord('AllocID', [[2, 5n]]),
      await world.rootCoord('AllocID', [[2, 1n]]),
    ];
    expect(int(two, 2)).toBeGreaterThanOrEqual(int(one, 2) + 5n);
    const far = await world.rootCoord('AllocTimestamp', [
      [3, 1n],
      [4, block + (3_600_000n << 18n)],
    ]);
    expect(statusOf(message(far, 1)).code).toBe(10001n);
  });
  test('definitions by id and by name, and what is not there', async () => {
    const described = await world.rootCoord('DescribeCollectionInternal', [[4, world.books]]);
    expect(statusOf(message(described, 1))).toEqual(SUCCESS);
    expect(texts(message(described, 2), 1)).toEqual(['books']);
    expect(texts(described, 4)).toEqual(world.channels);
    const has = async (name: string): Promise<bigint> =>
      int(await world.rootCoord('HasCollection', [[3, name]]), 2);
    expect([await has('books'), await has('none')]).toEqual([1n, 0n]);
    expect(texts(await world.rootCoord('ShowCollections', []), 2)).toContain('books');
    expect(texts(await world.rootCoord('ListDatabases', []), 2)).toEqual(['default']);
    const unknown = await world.rootCoord('DescribeCollection', [[3, 'none']]);
    expect(statusOf(message(unknown, 1)).code).toBe(100n);
  });
  test('segments of the first releases: listed by partition, described by index, refused when of another collection', async () => {
    const ids = await world.flushedOf(world.books);
    expect(
      ints(
        await world.rootCoord('ShowSegments', [
          [2, world.books],
          [3, -1n],
        ]),
        2,
      ),
    ).toEqual(ids);
    expect(
      statusOf(
        message(
          await world.rootCoord('ShowSegments', [
            [2, world.books],
            [3, 4711n],
          ]),
          1,
        ),
      ).code,
    ).toBe(200n);
    const strange = await world.rootCoord('DescribeSegment', [
      [2, world.books],
      [3, 4711n],
    ]);
    expect(statusOf(message(strange, 1))).toMatchObject({
      code: 600n,
      reason: expect.stringContaining(`segment id 4711 not belong to collection id ${world.books}`),
    });
    const [segment = 0n] = ids;
    expect(
      statusOf(
        message(
          await world.rootCoord('DescribeSegment', [
            [2, world.books],
            [3, segment],
          ]),
          1,
        ),
      ),
    ).toEqual(SUCCESS);
  });
  test('settings are shown, secrets are not', async () => {
    const keys = async (call: Promise<Read>): Promise<string[]> =>
      messages(await call, 2).flatMap((pair) => texts(pair, 1));
    expect(await keys(world.rootCoord('ShowConfigurations', []))).toContain('rootCoord.brokerDeadlineMs');
    const all = [
      ...(await keys(world.rootCoord('ShowConfigurations', []))),
      ...(await keys(world.dataCoord('ShowConfigurations', []))),
    ];
    expect(all.filter((key) => /password|tls|auth/i.test(key))).toEqual([]);
    expect(await keys(world.dataCoord('ShowConfigurations', [[2, 'datacoord.auto']]))).toEqual([
      'dataCoord.autoCompaction',
    ]);
  });
});

describe('what is not a call of ours', () => {
  test('a call that is meant for another process is refused before its handler', async () => {
    const id = await world.collection('meant', 0, 0);
    await insertRange(world.client, 'meant', 0, 5);
    const answer = await world.dataCoord('Flush', [[4, id]], { 'elanus-server-id': '12345' });
    expect(statusOf(message(answer, 1))).toMatchObject({ code: 904n, legacy: 50n });
    const growing = await world.dataCoord('GetSegmentsByStates', [
      [2, id],
      [3, -1n],
      [4, 2n],
    ]);
    expect(ints(growing, 2)).toHaveLength(1); // Nothing was sealed.
  });
  test('a handshake of another cluster, of another protocol, or for a role that is not here', async () => {
    const shake = async (fields: readonly Field[]) =>
      world.plain.call('/elanus.v1.Process/Handshake', fields);
    const good = await shake([
      [1, 'data-coord'],
      [2, 'by-dev'],
      [3, BigInt(PROTOCOL_VERSION)],
    ]);
    expect([statusOf(message(good, 1)), int(good, 4), texts(good, 6), int(good, 7)]).toEqual([
      SUCCESS,
      1n,
      ['by-dev'],
      BigInt(PROTOCOL_VERSION),
    ]);
    expect(int(good, 2)).not.toBe(0n);
    expect(
      statusOf(
        message(
          await shake([
            [1, 'data-coord'],
            [2, 'other'],
          ]),
          1,
        ),
      ).code,
    ).toBe(6n);
    expect(
      statusOf(
        message(
          await shake([
            [1, 'data-coord'],
            [3, 99n],
          ]),
          1,
        ),
      ).code,
    ).toBe(3000n);
    expect(statusOf(message(await shake([[1, 'cook']]), 1)).code).toBe(1n);
  });
  test('bytes that are no message, and methods that are not there: the process lives', async () => {
    const broken: Field = [2, new Uint8Array([255, 255, 255])];
    await expect(world.dataCoord('AllocSegment', [])).rejects.toMatchObject({ code: 12 }); // UNIMPLEMENTED
    const answer = await world.dataCoord('Import', [broken]);
    expect(statusOf(message(answer, 1)).code).toBe(1100n);
    expect(await world.flushedOf(world.books)).not.toEqual([]);
  });
});
