import { expect, test } from 'vitest';
import { type Frame, TaskFrames } from './task-frames.js';

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const [here, there] = [1, 2].map((id) => ({ id, memory }));
const regions = here ? [here] : [];
const others = there ? [there] : [];
const words = new Int32Array(new SharedArrayBuffer(64));

function asked(input: unknown, task = 'search', of = regions) {
  return { task, input, regions: of };
}

test('tasks that differ in arrays only have one frame, from the second on', () => {
  const frames = new TaskFrames(() => {});
  const place = Object.freeze({ rows: 5, sections: { codes: { offset: 8 } } });
  const input = (value: number, more: object = {}) => ({
    place,
    queries: Float32Array.of(value),
    k: 10,
    params: { ef: 16 },
    words: words.subarray(1),
    ...more,
  });
  expect(frames.of(asked(input(1)))).toBeUndefined();
  const frame = frames.of(asked(input(2)));
  expect(frame).toMatchObject({ task: 'search', arrays: ['queries'], regions });
  expect(Object.keys(frame?.constant ?? {})).toEqual(['place', 'k', 'params', 'words']);
  expect(frame?.constant.place).toBe(place);
  expect(frames.of(asked(input(3)))).toBe(frame);
  for (const other of [
    asked(input(1, { k: 11 })),
    asked(input(1, { params: { ef: 17 } })),
    asked(input(1, { params: { ef: 16, more: 1 } })),
    asked(input(1, { params: {} })),
    asked(input(1, { more: undefined })),
    asked(input(1, { more: 1 })),
    asked(input(1, { excluded: new Uint8Array(1) })),
    asked(input(1, { words: words.subarray(2) })),
    asked(input(1, { words: new Int32Array(15) })),
    asked(input(1), 'other'),
    asked(input(1), 'search', others),
    asked(input(1), 'search', [...regions, ...others]),
  ])
    expect(frames.of(other)).toBeUndefined();
  expect(frames.of(asked(input(4)))).toBe(frame);
});

test('an object that was written to is another one, and names without a value count', () => {
  const frames = new TaskFrames(() => {});
  const params = { list: [{ ef: 16 }], a: 1 };
  frames.of(asked({ params }));
  const frame = frames.of(asked({ params }));
  expect(frame?.constant).toEqual({ params });
  for (const one of params.list) one.ef = 17;
  expect(frames.of(asked({ params }))).toBeUndefined();
  expect(frame?.constant).toEqual({ params: { list: [{ ef: 16 }], a: 1 } });
  frames.of(asked({ a: 1, c: 5 }, 'names'));
  expect(frames.of(asked({ a: 1, c: 5 }, 'names'))).toBeDefined();
  expect(frames.of(asked({ a: 1, b: undefined }, 'names'))).toBeUndefined();
});

test('what cannot be compared with what it is later has no frame', () => {
  const frames = new TaskFrames(() => {});
  for (const input of [
    5,
    null,
    [1],
    { run: () => 1 },
    { map: new Map() },
    { inner: { array: new Uint8Array(1) } },
    { bytes: new Int8Array(1) },
    { deep: { deep: { deep: { deep: { deep: { deep: 1 } } } } } },
  ])
    for (let time = 0; time < 3; time++) expect(frames.of(asked(input))).toBeUndefined();
});

test('the frame that was asked for longest ago goes, but none with tasks; those of a region go with it', () => {
  const dropped: Frame[] = [];
  const frames = new TaskFrames((frame) => dropped.push(frame));
  const make = (k: number, of = regions): Frame | undefined => {
    frames.of(asked({ k }, 'search', of));
    return frames.of(asked({ k }, 'search', of));
  };
  const first = make(0);
  if (first) first.users = 1;
  for (let k = 1; k <= 16; k++) make(k);
  expect(dropped.map(({ constant }) => constant.k)).toEqual([1]);
  expect(frames.of(asked({ k: 0 }))).toBe(first);
  make(17, others);
  expect(dropped.map(({ constant }) => constant.k)).toEqual([1, 2]);
  frames.forgetRegion(2);
  expect(dropped.map(({ constant }) => constant.k)).toEqual([1, 2, 17]);
  frames.forgetRegion(1);
  expect(dropped).toHaveLength(18);
});
