// The server process of cpu.mjs: opens the `dist/` of each checkout in memory and says, when asked, what the process has used of the processor:
// all of its threads, the collector's and the compiler's among them.
import { pathToFileURL } from 'node:url';

const databases = [];
for (const root of process.argv.slice(2)) {
  const { open } = await import(pathToFileURL(`${root}/dist/server/open.js`).href);
  databases.push(await open(undefined, { logLevel: 'error' }));
}
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ micros: user + system });
});
process.on(
  'disconnect',
  () => void Promise.all(databases.map((database) => database.close())).finally(() => process.exit(0)),
);
process.send({ addresses: databases.map(({ address }) => address) });
