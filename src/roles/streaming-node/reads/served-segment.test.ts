// When nothing of a target is left to do.
import { expect, it } from 'vitest';
import { LazyMap } from '#base/maps/lazy-map.js';
import { IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { ReplacedSegment, SyncTargetRequest } from '#proto/elanus/roles.js';
import { holderAt } from './holder.js';
import { enterLoads, isSettled, keysOfIndexes, type ServedSegment } from './served-segment.js';

const OWN = 3n;
const segment = (id: bigint, ...keys: readonly string[]): SegmentRecord =>
  SegmentRecord.fromPartial({ id, indexes: keys.map((key) => IndexFileRecord.fromPartial({ key })) });
const target = (...segments: readonly SegmentRecord[]): SyncTargetRequest =>
  SyncTargetRequest.fromPartial({ segments: segments.map((one) => ({ segment: one })) });
const live = (record: SegmentRecord): ServedSegment => ({
  ...{ record, isLive: true, indexKeys: keysOfIndexes(record) },
  ...{ copy: { holder: holderAt(0n, OWN), waiting: undefined }, coming: undefined },
});
function state(...segments: readonly ServedSegment[]) {
  const served = new LazyMap<bigint, ServedSegment>();
  for (const one of segments) served.set(one.record.id, one);
  return { served, replaced: new Map([[9n, ReplacedSegment.fromPartial({ id: 9n })]]) };
}
const none = new Map<bigint, unknown>();
const [plain, indexed] = [segment(1n), segment(2n, 'index_files/2/HNSW')];

it.each<[string, boolean, ReturnType<typeof state>, SyncTargetRequest, ReadonlyMap<bigint, unknown>]>([
  ['nothing to serve', true, state(), target(), none],
  ['all is read, with its indexes', true, state(live(plain), live(indexed)), target(plain, indexed), none],
  ['rows that grow', true, state(live(plain)), target(plain), new Map([[8n, undefined]])],
  ['one is missing', false, state(live(plain)), target(plain, indexed), none],
  ['one too many is read', false, state(live(plain), live(indexed)), target(plain), none],
  ['another in its place', false, state(live(plain)), target(indexed), none],
  ['not read yet', false, state({ ...live(plain), isLive: false }), target(plain), none],
  ['without its index', false, state({ ...live(indexed), indexKeys: '' }), target(indexed), none],
  ['what was replaced is read still', false, state(), target(), new Map([[9n, undefined]])],
  [
    'a file that shows damage only when it is asked again',
    false,
    state(live(segment(3n, 'index_files/3/DISKANN'))),
    target(segment(3n, 'index_files/3/DISKANN')),
    none,
  ],
])('%s: %s', (_, expected, ...facts) => {
  expect(isSettled(...facts)).toBe(expected);
});

it('a target enters what is new, and names what has other indexes', () => {
  const now = state(live(plain), { ...live(indexed), indexKeys: '' });
  const [fresh, held] = [segment(4n), segment(5n)];
  const { loads, changed } = enterLoads(now, target(plain, indexed, fresh, held), new Set([5n]), OWN);
  expect(loads.map(({ record }) => record.id)).toEqual([4n]);
  expect(changed.map(({ id }) => id)).toEqual([2n]);
  expect([...now.served.keys()]).toEqual([1n, 2n, 4n]);
  expect(now.served.get(4n)).toMatchObject({ isLive: false, copy: { waiting: [] } });
});
