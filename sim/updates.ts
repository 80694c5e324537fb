// Partial updates that meet: two clients set different fields of the same rows at the same time, and the owner of the rows dies now and then.
// Each client only ever raises its own field, so a field that is below its last acknowledged value was taken back by the other client's
// write of an older row; and a batch of one shard is in all of its rows or in none. That the rest of the rows stays is seen as always.
import { nextFloat } from '#base/random.js';
import { freshKeys } from './fresh-keys.js';
import { Violation } from './model.js';
import type { Side } from './rows.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

const ROUNDS = 12;
const sides = ['left', 'right'] as const;

/** What one client did: the newest value that was acknowledged, and the newest that was sent. */
interface Sent {
  acknowledged: number;
  last: number;
}

export async function updatedTogether(
  parts: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { workload, processes, timers, random, client, cluster } = parts;
  const { partition, keys } = await freshKeys(workload, model, untilReady);
  if (keys.length === 0) return;
  if (nextFloat(random) < 0.5) await workload.flush(model);
  const sent: Record<Side, Sent> = {
    left: { acknowledged: 0, last: 0 },
    right: { acknowledged: 0, last: 0 },
  };
  // The way there takes so long that reads and writes of both lie between each other.
  cluster.network.setLink('front', 'stream', { delayMinMs: 1, delayMaxMs: 25 });
  const run = async (side: Side): Promise<void> => {
    for (let round = 1; round <= ROUNDS; round++) {
      sent[side].last = round;
      model.sendsAgain(keys);
      const what = { keys, side, value: round };
      const error = await workload.attempt(model, 'update', `${side} ${round}`, async () => {
        await client.update(model.name, partition, what);
        return undefined;
      });
      if (error === undefined) sent[side].acknowledged = round;
      await timers.sleep(nextFloat(random) * 3);
    }
  };
  const crash = async (): Promise<void> => {
    if (nextFloat(random) < 0.3) return;
    await timers.sleep(nextFloat(random) * 400);
    processes.stream.crash(random, false);
    processes.stream.start();
  };
  await Promise.all([...sides.map(run), crash()]);
  for (const side of sides)
    await untilReady(async () => {
      const error = await workload.attempt(model, 'read-updates', side, async () => {
        check(model.spec.shards, await client.sides(model.name, keys, side), {
          name: model.name,
          side,
          ...sent[side],
        });
        return undefined;
      });
      return error === undefined;
    });
}

interface Checked extends Sent {
  readonly name: string;
  readonly side: Side;
}

function check(
  shards: number,
  values: ReadonlyMap<number, number>,
  { name, side, acknowledged, last }: Checked,
): void {
  for (const [key, value] of values) {
    if (value < acknowledged)
      throw new Violation(
        `an update is lost: ${name} key ${key} has ${side} ${value}, ${acknowledged} was acknowledged`,
      );
    if (value > last) throw new Violation(`${name} key ${key} has ${side} ${value}, which nobody sent`);
  }
  if (shards === 1 && new Set(values.values()).size > 1)
    throw new Violation(
      `a batch took effect in part: ${name} ${side} is ${[...values].map(([key, value]) => `${key}: ${value}`).join(', ')}`,
    );
}
