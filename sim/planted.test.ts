// The simulation must be able to fail: bugs planted below the product are found within a few seeds, each as the promise it breaks.
import { describe, expect, test } from 'vitest';
import type { Sabotage } from './cluster.js';
import { forgetfulMetaStore, lostObjects, lyingSync, replayWithoutDeletes } from './planted.js';
import { simulate } from './simulation.js';

const SEEDS = 12;
/** What the first seeds find, until one finds something. */
async function find(sabotage: () => Sabotage): Promise<string | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = await simulate({ seed, sabotage: sabotage() });
    if (violation !== undefined) return violation;
  }
  return undefined;
}

describe('planted bugs', () => {
  test('a disk that lies about being durable', async () => {
    expect(await find(() => lyingSync)).toMatch(
      /an acknowledged row is lost|came back|is wrong|does not answer/,
    );
  });
  test('a log that is replayed without its deletes', async () => {
    expect(await find(() => replayWithoutDeletes)).toMatch(/came back|is wrong|wrong version/);
  });
  test('a meta store that forgets its last transaction in a crash', async () => {
    expect(await find(forgetfulMetaStore)).toMatch(
      /is lost|came back|is wrong|does not answer|wrong version|not as it was left|an internal error is answered/,
    );
  });
  test('an object store that confirms and does not keep', async () => {
    expect(await find(() => lostObjects)).toMatch(/does not answer|came back|is lost/);
  });
  test('without a planted bug the same seeds hold every promise', async () => {
    for (let seed = 1; seed <= 4; seed++)
      expect(await simulate({ seed })).toMatchObject({ violation: undefined });
  });
});
