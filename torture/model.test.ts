// The model of a torture run must notice what it is for: each way to lose or bring back a row is reported, and nothing else is.
import { expect, test } from 'vitest';
import { CollectionModel } from './model.js';
import { ABSENT } from './rows.js';
import { shapes } from './shapes.js';

const shapeOf = (name: string) => {
  const shape = shapes.find((one) => one.name === name);
  if (shape === undefined) throw new Error(`no shape ${name}`);
  return shape;
};

const written = (name = 'plain') => {
  const model = new CollectionModel(shapeOf(name));
  model.acknowledged(model.begin(new Map([1, 2, 3].map((key) => [key, 5])), true));
  return model;
};

const rows = (...pairs: [number, number][]) => new Map(pairs);

test('what was acknowledged must be there, and nothing else', () => {
  expect(written().settle(rows([1, 5], [2, 5], [3, 5]))).toEqual([]);
  expect(written().settle(rows([1, 5], [3, 5]))).toEqual(['key 2 is absent, expected version 5']);
  expect(written().settle(rows([1, 5], [2, 4], [3, 5]))).toEqual(['key 2 is version 4, expected version 5']);
  expect(written().settle(rows([1, 5], [2, 5], [3, 5], [9, 1]))).toEqual(['key 9 was never written']);
});

test('a deleted row must not come back', () => {
  const model = written();
  model.acknowledged(model.begin(new Map([[2, ABSENT]]), true));
  expect(model.settle(rows([1, 5], [2, 5], [3, 5]))).toEqual(['key 2 is version 5, expected absent']);
});

test('a write whose outcome got lost took effect whole or not at all', () => {
  const lost = () => {
    const model = written();
    model.unknown(model.begin(new Map([1, 2].map((key) => [key, 6])), true));
    return model;
  };
  expect(lost().settle(rows([1, 6], [2, 6], [3, 5]))).toEqual([]);
  expect(lost().settle(rows([1, 5], [2, 5], [3, 5]))).toEqual([]);
  expect(lost().settle(rows([1, 6], [2, 5], [3, 5]))).toEqual([
    'a write of 2 keys took effect for 1 of them',
  ]);
});

test('the rows of a dropped partition are gone, those of the others stay', () => {
  const model = written('parted');
  model.dropping('p1');
  model.dropped('p1');
  expect(model.settle(rows([2, 5], [3, 5]))).toEqual([]);
  const again = written('parted');
  again.dropping('p1');
  again.dropped('p1');
  expect(again.settle(rows([1, 5], [2, 5], [3, 5]))).toEqual(['key 1 is version 5, expected absent']);
});

test('a write that raced with a drop may be either', () => {
  const model = written('parted');
  const write = model.begin(new Map([[1, 6]]), true);
  model.dropping('p1');
  model.dropped('p1');
  model.acknowledged(write);
  expect(model.settle(rows([2, 5], [3, 5]))).toEqual([]);
});

test('a write that got lost before its collection was gone leaves nothing that must be there', () => {
  const model = written();
  model.dropping();
  model.acknowledged(model.begin(new Map([[9, 6]]), true));
  model.unknown(model.begin(new Map([[9, 7]]), true));
  model.dropped();
  expect(model.settle(rows())).toEqual([]);
});

test('a read may answer any version of its time, no older one', () => {
  const model = written();
  model.acknowledged(model.begin(new Map([[1, 6]]), true));
  const read = model.openRead();
  model.acknowledged(model.begin(new Map([[1, 7]]), true));
  expect([...(read.possible.get(1) ?? [])]).toEqual([6, 7]);
});
