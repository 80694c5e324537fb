// `npm run torture -- --seed N --minutes M`: a real server under writers, readers, imports and changes of definitions, killed and started
// again at random moments, then compared with a model. Ends with `torture: …, 0 wrong`, or with what is wrong, the events before it
// and the folder as it was; exit code 1 then.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Collection, connect } from './api.js';
import { checkFiles, type FolderState } from './files-on-disk.js';
import { manageLoop } from './manager.js';
import { CollectionModel } from './model.js';
import { below, chanceOf } from './random.js';
import { Server } from './server-process.js';
import { shapes } from './shapes.js';
import { checkWhole } from './whole-checks.js';
import { importLoop, readLoop, type Served, writeLoop } from './workers.js';
import { sleep, World, Wrong } from './world.js';

const WRITERS = 2;
/** Some rounds of the garbage of a server with small bounds; and how many lives of that, on a machine that has other work. */
const CLEANING_MS = 4000;
const CLEANING_LIVES_MAX = 5;
const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, minutes: { type: 'string', default: '1' } },
});

const seed = Number(options.seed);
const minutes = Number(options.minutes);
if (!Number.isInteger(seed) || seed < 0 || !(minutes > 0)) {
  process.stderr.write('usage: npm run torture -- [--seed N] [--minutes M]\n');
  process.exit(2);
}

/** One life of the server: compare, then load it until its end comes. */
async function oneLife(world: World, models: readonly CollectionModel[], end: number): Promise<void> {
  const { chance } = world;
  if (chance() < 0.15) {
    // It does not even get through its start.
    const early = new Server(world.folder, false);
    await sleep(below(chance, 600));
    await early.kill();
    world.note('killed while it started');
  }
  const server = new Server(world.folder, chance() < 0.1);
  world.server = server;
  const client = await connect(await server.ready());
  try {
    const served: Served[] = models.map((model) => ({
      world,
      model,
      collection: new Collection(client, model.shape),
      isExact: false,
    }));
    await Promise.all(served.map(checkWhole));
    world.note('compared');
    if (Date.now() > end) return await server.stop();
    const workers = served.flatMap((one) => [
      ...Array.from({ length: WRITERS }, () => writeLoop(one)),
      readLoop(one),
      manageLoop(one),
      ...(one.model.shape.takesImports ? [importLoop(one)] : []),
    ]);
    const isClean = chance() < 0.2;
    const life = sleep(chance() < 0.3 ? below(chance, 800) : 500 + below(chance, 12_000)).then(async () => {
      world.note(isClean ? 'stops' : 'killed');
      if (isClean) await server.stop();
      else await server.kill();
      world.counts[isClean ? 'stops' : 'kills']++;
    });
    // The first wrong answer ends it; else all workers end when the server does.
    await Promise.all([life, ...workers]);
    if (isClean && chance() < 0.5) await checkFiles(world.folder);
  } finally {
    await client.closeConnection().catch(() => {});
  }
}

/** What kills left half removed is removed by lives after them. @returns the folder's state then */
async function cleaned(world: World): Promise<FolderState> {
  let state = await checkFiles(world.folder);
  const left = new Set(state.halfRemoved);
  for (let lives = 0; left.size > 0; lives++) {
    if (lives === CLEANING_LIVES_MAX)
      throw new Wrong(`disk: dropped segments ${[...left].join(', ')} lack files, and their records stay`);
    world.server = new Server(world.folder, false);
    await world.server.ready();
    await sleep(CLEANING_MS);
    await world.server.stop();
    state = await checkFiles(world.folder);
    const still = new Set(state.halfRemoved);
    for (const id of left) if (!still.has(id)) left.delete(id);
  }
  return state;
}

const folder = await mkdtemp(join(tmpdir(), 'elanus-torture-'));
const world = new World(folder, chanceOf(seed));
const models = shapes.map((shape) => new CollectionModel(shape));
const begin = Date.now();
const end = begin + minutes * 60_000;
const summary = (): string =>
  Object.entries(world.counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
try {
  let reportedAt = begin;
  while (Date.now() < end) {
    await oneLife(world, models, end);
    if (Date.now() - reportedAt < 60_000) continue;
    reportedAt = Date.now();
    process.stdout.write(`  ${((reportedAt - begin) / 60_000).toFixed(1)} min: ${summary()}\n`);
  }
  await oneLife(world, models, 0);
  const { objects, logBytes } = await cleaned(world);
  process.stdout.write(`  at the end: ${objects} objects, all named, ${logBytes} bytes of logs\n`);
  await rm(folder, { recursive: true, force: true });
  process.stdout.write(`torture: seed ${seed}, ${minutes} min: ${summary()}, 0 wrong\n`);
} catch (error) {
  world.isEnding = true;
  const report = join(folder, 'torture-report.txt');
  await writeFile(report, [String(error), '', ...world.events, '', world.server?.log ?? ''].join('\n'));
  await world.server?.kill().catch(() => {});
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write(
    `torture: seed ${seed}: WRONG after ${((Date.now() - begin) / 60_000).toFixed(1)} min: ${summary()}\n`,
  );
  process.stdout.write(`the folder as it was, with the events before: ${report}\n`);
  process.exit(1);
}

process.exit(0);
