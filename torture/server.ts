// The server of a torture run: the product's own `open` on a folder, in a process of its own, with small bounds so that segments are
// sealed, logs are cut and indexes are built all the time. Prints its address when it is ready. `--usual`: the settings of everyone.
import { open } from '#server/open.js';

const [folder, kind] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: server.js FOLDER [--usual]');
const small = {
  segmentBytesMax: 192 * 1024,
  logFileBytesMax: 128 * 1024,
  idleSealMs: 1500,
  ageSealMs: 6000,
  sealCheckIntervalMs: 300,
  indexCheckIntervalMs: 1000,
  targetCheckIntervalMs: 1000,
  compactionDelayMs: 300,
  garbageIntervalMs: 700,
};

try {
  const database = await open(folder, { logLevel: 'info', ...(kind === '--usual' ? {} : small) });
  process.stdout.write(`ready ${database.address}\n`);
  process.on('SIGTERM', () => {
    database.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`close failed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  });
} catch (error) {
  process.stderr.write(
    `open failed: ${error instanceof Error ? `${error.message}\n${error.stack}` : String(error)}\n`,
  );
  process.exit(1);
}
