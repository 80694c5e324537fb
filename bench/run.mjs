// Runs the benches: `npm run bench` all of them, `npm run bench -- insert scan` the named ones, `--quick` with fewer rounds.
// `--rest`: of `transport` only the part over REST.
// `--grpc-threads` (0,1,2 or as given, `--grpc-threads=0,4`): servers with so many threads beside each other, in `search` and `startup`.
const names = ['startup', 'insert', 'search', 'transport', 'scan'];
const words = process.argv.slice(2);
const quick = words.includes('--quick');
const restOnly = words.includes('--rest');
const asked = words.find((word) => word.startsWith('--grpc-threads'));
const grpcThreads = asked && (asked.split('=')[1] ?? '0,1,2').split(',').map(Number);
const chosen = words.filter((word) => !word.startsWith('--'));
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}

for (const name of chosen.length > 0 ? chosen : names) {
  console.log(`\n== ${name}`);
  const { run } = await import(`./${name}.mjs`);
  await run({ quick, grpcThreads, restOnly });
}

process.exit(0);
