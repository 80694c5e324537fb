import { expect, test } from 'vitest';
import { type FlatArray, FlatBytes, FlatObjects, isFlatArray } from './flat-values.js';

const shared = (bytes: number): FlatBytes => new FlatBytes(new Uint8Array(new SharedArrayBuffer(bytes)));

test('arrays come back as copies in memory of their own', () => {
  const arrays: FlatArray[] = [
    Uint8Array.of(1, 2, 3),
    new Float32Array(0),
    Float32Array.of(1.5, NaN),
    new Float64Array([0.1]),
    Uint32Array.of(2 ** 32 - 1),
    Int32Array.of(-1),
    Uint8Array.of(0, 9, 8).subarray(1),
  ];
  const bytes = shared(1024);
  bytes.begin();
  for (const array of arrays) expect(bytes.writeArray(array)).toBe(true);
  bytes.begin();
  const read = arrays.map(() => bytes.readArray());
  expect(read).toEqual(arrays);
  for (const { buffer, byteLength } of read) {
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(buffer.byteLength).toBe(byteLength);
  }
});

test('bytes of a Buffer are bytes, and arrays of other kinds are not flat', () => {
  expect(isFlatArray(Buffer.from([1]))).toBe(true);
  for (const other of [new Int8Array(1), new DataView(new ArrayBuffer(1)), [1], 1, null])
    expect(isFlatArray(other)).toBe(false);
  const bytes = shared(64);
  bytes.begin();
  bytes.writeArray(Buffer.from([4, 5]));
  bytes.begin();
  expect(bytes.readArray()).toEqual(Uint8Array.of(4, 5));
});

test('objects of numbers and arrays come back, whatever was written before', () => {
  const [bytes, writer, reader] = [shared(256), new FlatObjects(), new FlatObjects()];
  for (const value of [
    { counts: Uint32Array.of(1), rows: Uint32Array.of(5), scores: Float32Array.of(0.5) },
    { counts: Uint32Array.of(2), rows: Uint32Array.of(6, 7), scores: Float32Array.of(1, 2) },
    { counts: Uint32Array.of(0), rows: new Uint32Array(0), scores: new Float32Array(0), givenUp: 1 },
    { counts: Uint32Array.of(0), rows: new Uint32Array(0), scores: new Float32Array(0), gavenUp: -0.5 },
    { a: 1, b: Infinity },
  ]) {
    expect(writer.write(bytes, value)).toBe(true);
    expect(reader.read(bytes)).toEqual(value);
  }
});

test('what is not of that form, or too large, is left to messages', () => {
  const [bytes, writer] = [shared(64), new FlatObjects()];
  for (const value of [
    1,
    null,
    undefined,
    [1],
    { a: 'x' },
    { a: undefined },
    { a: { b: 1 } },
    {},
    { 'a b': 1 },
    { a: 1, '': new Uint8Array(1) },
    { ä: 1 },
    { a: new Uint8Array(64) },
    { a: new Uint8Array(20), b: new Uint8Array(20), c: 1 },
    Object.assign(Object.create({ a: 1 }), { b: 1 }),
  ])
    expect(writer.write(bytes, value)).toBe(false);
  expect(writer.write(bytes, { a: 3 })).toBe(true);
});
