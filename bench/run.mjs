// Runs the benches: `npm run bench` all of them, `npm run bench -- insert scan` the named ones, `--quick` with fewer rounds.
const names = ['startup', 'insert', 'search', 'scan'];
const words = process.argv.slice(2);
const quick = words.includes('--quick');
const chosen = words.filter((word) => !word.startsWith('--'));
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}
for (const name of chosen.length > 0 ? chosen : names) {
  console.log(`\n== ${name}`);
  const { run } = await import(`./${name}.mjs`);
  await run({ quick });
}
process.exit(0);
