// What scenarios with a collection of their own have in common.
import { ElanusError } from '#base/errors.js';
import { nextBelow } from '#base/random.js';
import { PUBLIC_ADDRESS } from './cluster.js';
import type { CollectionModel } from './model.js';
import { OwnCollection } from './own-collection.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';

/** A try: whether it succeeded, and what it answered. */
export type Ask = <T>(name: string, call: () => Promise<T>) => Promise<T | undefined>;

const isThere = (error: unknown): boolean =>
  error instanceof ElanusError && /exist/.test(error.message) && !/not exist/.test(error.message);
const isGone = (error: unknown): boolean =>
  error instanceof ElanusError && error.key === 'collection_not_found';

/** Makes a collection with a name that none had before, runs the scenario with it, and drops it. @param model in whose name calls are counted */
export async function withOwnCollection(
  { cluster, workload, random }: ScenarioParts,
  model: CollectionModel,
  untilReady: UntilReady,
  run: (own: OwnCollection, ask: Ask) => Promise<void>,
): Promise<void> {
  const own = new OwnCollection(cluster.network, PUBLIC_ADDRESS, `own_${workload.version()}`);
  const shards = 1 + nextBelow(random, 2);
  const ask: Ask = async <T>(name: string, call: () => Promise<T>) => {
    let answer: T | undefined;
    await workload.attempt(model, name, own.name, async () => {
      answer = await call();
      return undefined;
    });
    return answer;
  };
  const unless = async (call: Promise<void>, isExpected: (error: unknown) => boolean): Promise<true> => {
    await call.catch((error: unknown) => {
      if (!isExpected(error)) throw error;
    });
    return true;
  };
  await untilReady(
    async () => (await ask('make-own', () => unless(own.make(shards), isThere))) !== undefined,
  );
  await run(own, ask);
  await untilReady(async () => (await ask('drop-own', () => unless(own.drop(), isGone))) !== undefined);
}
