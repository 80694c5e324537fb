// Sets as clients send them to `membership_match`: Bloom filters (MBF1) and Roaring bitmaps (MRB1), written plainly.
import { SplitBlockBloom } from '#base/hashes/split-block-bloom.js';
import { hashOfKey } from '#index/scalar/statistics/key-hash.js';

const HEAD_BYTES = 32;

function head(magic: string, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  bytes.set([...magic].map((letter) => letter.charCodeAt(0)));
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 1, true);
  view.setUint16(6, 1, true);
  fill(view);
  return bytes;
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export function bloomOf(values: readonly (bigint | string)[], blocks = 64): Uint8Array {
  const bloom = new SplitBlockBloom(new Uint32Array(blocks * 8));
  let domains = 0;
  for (const value of values) {
    bloom.add(hashOfKey(value));
    domains |= typeof value === 'bigint' ? 1 : 2;
  }
  const { words } = bloom;
  return joined([
    head('MBF1', (view) => {
      view.setBigUint64(8, BigInt(values.length), true);
      view.setFloat64(16, 0.005, true);
      view.setUint32(24, blocks, true);
      view.setUint8(28, domains);
    }),
    new Uint8Array(words.buffer, words.byteOffset, words.byteLength),
  ]);
}

const uint16s = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
const uint32s = (values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const uint64s = (...values: readonly bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values).buffer);

/** Parts of ascending numbers that share `shift` upper bits. */
function grouped(values: readonly bigint[], shift: bigint): [number, bigint[]][] {
  const groups = new Map<number, bigint[]>();
  for (const value of values) {
    const key = Number(value >> shift);
    const group = groups.get(key) ?? [];
    group.push(value & ((1n << shift) - 1n));
    groups.set(key, group);
  }
  return [...groups];
}

/** @param isRuns containers are written as runs; else as lists, and as bits where there are many */
function container(values: readonly number[], isRuns: boolean): Uint8Array {
  if (isRuns) {
    const runs: [number, number][] = [];
    for (const value of values) {
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] + 1 === value) last[1]++;
      else runs.push([value, 0]);
    }
    return joined([uint16s([runs.length]), uint16s(runs.flat())]);
  }
  if (values.length <= 4096) return uint16s(values);
  const bits = new Uint8Array(8192);
  for (const value of values) bits[value >>> 3] = (bits[value >>> 3] ?? 0) | (1 << (value & 7));
  return bits;
}

function bitmap(values: readonly bigint[], isRuns: boolean): Uint8Array {
  const groups = grouped(values, 16n).map(([key, low]): [number, number[]] => [key, low.map(Number)]);
  const lines = uint16s(groups.flatMap(([key, low]) => [key, low.length - 1]));
  const bodies = groups.map(([, low]) => container(low, isRuns));
  const flags = new Uint8Array((groups.length + 7) >>> 3).fill(255);
  const cookie = isRuns
    ? joined([uint16s([12347, groups.length - 1]), flags])
    : uint32s([12346, groups.length]);
  const hasTable = !isRuns || groups.length >= 4;
  let at = cookie.length + lines.length + (hasTable ? groups.length * 4 : 0);
  const table = bodies.map(({ length }) => {
    at += length;
    return at - length;
  });
  return joined([cookie, lines, ...(hasTable ? [uint32s(table)] : []), ...bodies]);
}

/** @param values signed, in any order, repetitions too */
export function roaringOf(values: readonly bigint[], isRuns = false): Uint8Array {
  const keys = [...new Set(values.map((value) => BigInt.asUintN(64, value)))].sort((a, b) =>
    a < b ? -1 : Number(a > b),
  );
  const groups = grouped(keys, 32n);
  const body = joined([
    uint64s(BigInt(groups.length)),
    ...groups.flatMap(([high, low]) => [uint32s([high]), bitmap(low, isRuns)]),
  ]);
  return roaringEnvelope(BigInt(keys.length), body);
}

export const roaringEnvelope = (count: bigint, body: Uint8Array): Uint8Array =>
  joined([
    head('MRB1', (view) => {
      view.setBigUint64(8, count, true);
      view.setBigUint64(16, BigInt(body.length), true);
    }),
    body,
  ]);

/** All numbers from 0 up to so many times 65,536, which are 1,048,576 for 16. */
export function fullContainers(count: number): Uint8Array {
  const flags = new Uint8Array((count + 7) >>> 3).fill(255);
  const keys = Array.from({ length: count }, (_, key) => key);
  const begin = 4 + flags.length + count * (count >= 4 ? 8 : 4);
  const table = count >= 4 ? [uint32s(keys.map((key) => begin + key * 6))] : [];
  const body = joined([
    uint64s(1n),
    uint32s([0]),
    uint16s([12347, count - 1]),
    flags,
    uint16s(keys.flatMap((key) => [key, 65535])),
    ...table,
    ...keys.map(() => uint16s([1, 0, 65535])),
  ]);
  return roaringEnvelope(BigInt(count) * 65536n, body);
}
