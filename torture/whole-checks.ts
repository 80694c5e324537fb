// After a restart, and before anything is written: everything a collection holds is compared with its model.
import type { Hit } from './api.js';
import { ensure } from './manager.js';
import { below, oneOf } from './random.js';
import {
  compareScores,
  isSameScore,
  type Key,
  keyOfWire,
  partitionOf,
  scoreOf,
  type Version,
  vectorOf,
  wrongIn,
} from './rows.js';
import type { Shape } from './shapes.js';
import type { Served } from './workers.js';
import { sleep, Wrong } from './world.js';

const JOBS_MS_MAX = 60_000;
const NEIGHBOURS = 10;
const QUERIES = 8;
/**
 * Rows of one write have one vector, so an approximate index that misses one of them misses most of a query's ten: over few queries a share says
 * little (60 of 80 once, of an IVF_FLAT that finds 0.99 over 400 queries).
 */
const RECALL_QUERIES = 32;
/** Share of the nearest that an approximate index must find, over the queries of one check. */
const RECALL_MIN = 0.85;

export async function checkWhole(served: Served): Promise<void> {
  const { world, model, collection } = served;
  const { shape } = model;
  await definitionsAreRight(served);
  await ensure(served);
  await jobsEnd(served);
  const rows = await allRows(served);
  const wrong = model.settle(rows);
  if (wrong.length > 0)
    throw new Wrong(`${shape.name}: ${wrong.length} wrong: ${wrong.slice(0, 12).join('; ')}`);
  const count = await collection.count();
  if (count !== rows.size)
    throw new Wrong(`${shape.name}: count(*) is ${count}, there are ${rows.size} rows`);
  const stored = await collection.rowCount();
  if (stored < rows.size)
    throw new Wrong(`${shape.name}: row_count is ${stored}, there are ${rows.size} rows`);
  await neighboursAreRight(served, rows);
  for (const name of shape.partitions) await partitionIsRight(served, name, rows);
  world.counts.checks++;
  world.counts.compared += rows.size;
}

async function definitionsAreRight({ model, collection }: Served): Promise<void> {
  const { shape } = model;
  const exists = await collection.exists();
  if (exists && model.existence === 'no') throw new Wrong(`${shape.name}: dropped, and there again`);
  if (!exists && model.existence === 'yes') throw new Wrong(`${shape.name}: the collection is lost`);
  if (!exists) return model.dropped();
  const present = new Set(await collection.partitions());
  for (const name of shape.partitions) {
    const should = model.partitionExistence.get(name);
    // One whose collection's creation was cut short may lack partitions that were never asked for.
    if (present.has(name) && should === 'no' && model.existence === 'yes')
      throw new Wrong(`${shape.name}: partition ${name} was dropped, and is there again`);
    if (!present.has(name) && should === 'yes' && model.existence === 'yes')
      throw new Wrong(`${shape.name}: partition ${name} is lost`);
    if (!present.has(name)) model.dropped(name);
  }
}

async function jobsEnd({ model, collection }: Served): Promise<void> {
  const end = Date.now() + JOBS_MS_MAX;
  while ((await collection.jobs()).some(({ state }) => state === 'running')) {
    if (Date.now() > end)
      throw new Wrong(`${model.shape.name}: import jobs still run ${JOBS_MS_MAX} ms after a restart`);
    await sleep(20);
  }
}

async function allRows({ world, model, collection }: Served): Promise<Map<Key, Version>> {
  const { shape } = model;
  const limit = oneOf(world.chance, [257, 1000, 5000]);
  const rows = new Map<Key, Version>();
  for (let offset = 0; ; offset += limit) {
    const page = await collection.page(offset, limit);
    for (const row of page) {
      const wrong = wrongIn(shape, row);
      if (wrong !== undefined) throw new Wrong(`${shape.name}: ${wrong}`);
      const key = keyOfWire(row.id);
      if (rows.has(key)) throw new Wrong(`${shape.name}: key ${key} is on two pages or twice on one`);
      rows.set(key, Number(row.value));
    }
    if (page.length < limit) return rows;
  }
}

function nearest(shape: Shape, query: readonly number[], rows: ReadonlyMap<Key, Version>): number[] {
  const scores = [...rows.values()].map((version) =>
    scoreOf(shape.metric, query, vectorOf(version, shape.dim)),
  );
  return scores.sort((a, b) => compareScores(shape.metric, a, b)).slice(0, NEIGHBOURS);
}

async function neighboursAreRight(
  served: Served,
  rows: ReadonlyMap<Key, Version>,
  partition?: string,
): Promise<void> {
  const { world, model, collection, isExact } = served;
  const { shape } = model;
  const queries = Array.from({ length: isExact ? QUERIES : RECALL_QUERIES }, () =>
    vectorOf(1 + below(world.chance, 1e6), shape.dim),
  );
  const lists = await collection.search(queries, NEIGHBOURS, partition);
  let found = 0;
  let wanted = 0;
  for (const [at, query] of queries.entries()) {
    const hits = lists[at] ?? [];
    hitsAreRows(shape, query, hits, rows);
    const expected = nearest(shape, query, rows);
    const worst = expected.at(-1);
    const good = hits.filter(
      ({ score }) =>
        worst !== undefined && (isSameScore(score, worst) || compareScores(shape.metric, score, worst) <= 0),
    );
    if (hits.length !== expected.length)
      throw new Wrong(`${shape.name}: search found ${hits.length} of ${expected.length} rows`);
    if (isExact && expected.some((score, rank) => !isSameScore(score, hits[rank]?.score ?? Number.NaN)))
      throw new Wrong(
        `${shape.name}: scores ${hits.map(({ score }) => score).join()}, expected ${expected.join()}`,
      );
    found += good.length;
    wanted += expected.length;
  }
  if (found < wanted * RECALL_MIN)
    throw new Wrong(`${shape.name}: search found ${found} of the ${wanted} nearest`);
}

function hitsAreRows(
  shape: Shape,
  query: readonly number[],
  hits: readonly Hit[],
  rows: ReadonlyMap<Key, Version>,
): void {
  const seen = new Set<Key>();
  for (const { key, version, score } of hits) {
    if (seen.has(key)) throw new Wrong(`${shape.name}: search found key ${key} twice`);
    seen.add(key);
    if (rows.get(key) !== version)
      throw new Wrong(
        `${shape.name}: search found key ${key} as version ${version}, it is ${rows.get(key) ?? 'absent'}`,
      );
    const right = scoreOf(shape.metric, query, vectorOf(version, shape.dim));
    if (!isSameScore(score, right))
      throw new Wrong(`${shape.name}: the score of key ${key} is ${score}, expected ${right}`);
  }
}

async function partitionIsRight(
  served: Served,
  name: string,
  rows: ReadonlyMap<Key, Version>,
): Promise<void> {
  const { shape } = served.model;
  const inside = new Map([...rows].filter(([key]) => partitionOf(shape, key) === name));
  const count = await served.collection.count(name);
  if (count !== inside.size)
    throw new Wrong(`${shape.name}/${name}: count(*) is ${count}, there are ${inside.size} rows`);
  await neighboursAreRight(served, inside, name);
}
