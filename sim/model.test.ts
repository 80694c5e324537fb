// What the model may conclude of an answer.
import { expect, test } from 'vitest';
import { CollectionModel } from './model.js';
import { vectorOf } from './rows.js';

const row = { key: 3, version: 7, vector: vectorOf(3, 7) };

/** An acknowledged insert that ran beside a truncate without an outcome. */
function besideTruncate() {
  const model = new CollectionModel({ name: 'c', shards: 1, metric: 'L2', partitions: 'none' });
  const truncate = model.beginTruncate();
  model.acknowledged(model.begin('insert', [row]));
  return { model, truncate };
}

test('a row that is seen before a truncate is confirmed may go with it', () => {
  const { model, truncate } = besideTruncate();
  const early = model.openRead();
  model.checkRows(early, [3], [row], false);
  model.closeRead(early);
  const over = model.openRead();
  model.endTruncate(truncate);
  model.checkRows(over, [3], [row], false);
  model.closeRead(over);
  expect(() => model.checkRows(model.openRead(), [3], [], false)).not.toThrow();
});

test('a row that is seen after a truncate was confirmed stays', () => {
  const { model, truncate } = besideTruncate();
  model.endTruncate(truncate);
  model.checkRows(model.openRead(), [3], [row], false);
  expect(() => model.checkRows(model.openRead(), [3], [], false)).toThrow('an acknowledged row is lost');
});
