// Writes the section on approximate search of docs/performance.md, between its two marks, from the JSON of run.mjs and server.mjs, and
// the plots. node bench/ann/document.mjs FILE.json [SERVER.json]
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadReport, writePlots } from './plot.mjs';
import { markdownOf, serverMarkdown } from './report.mjs';

const [BEGIN, END] = ['<!-- bench/ann: begin -->', '<!-- bench/ann: end -->'];
const [, , input, serverInput] = process.argv;
if (input === undefined) {
  console.error('usage: node bench/ann/document.mjs FILE.json [SERVER.json]');
  process.exit(2);
}

const report = loadReport(input);
const sections = report.sets.map((set, i) => {
  const plot = writePlots(report, fileURLToPath(new URL('../../docs/plots', import.meta.url)))[i];
  return markdownOf(set, { before: [`![recall and queries per second of ${set.key}](plots/${plot})`] });
});

if (serverInput) {
  const server = loadReport(serverInput);
  const intro =
    'One server process, one client process. The SDK spends CPU time of its own on every call, so the same requests are also sent, encoded beforehand, by a bare gRPC client; ' +
    'the echo is a bare gRPC server that answers that client at once.';
  sections.push(
    serverMarkdown(server).replace('\n\n', `\n\n${intro} ${server.commit}, ${server.when.slice(0, 10)}.\n\n`),
  );
}

const text = `${BEGIN}
## Approximate search

\`npm run bench:ann -- --json ann.json\`; through the server \`node bench/ann/server.mjs --json server.json\`; this section \`node bench/ann/document.mjs ann.json server.json\`.

- Graphs of all products: M 16, efConstruction 200, k = ${report.k}. Queries go one at a time from JavaScript, so every product's calling cost counts.
- Every engine runs in a process of its own: its memory can be counted, and none runs in code that another made the compiler adapt to. Turns go engine after engine, width after
  width, ${report.rounds} rounds; only one engine works at a time; each turn begins with up to 100 queries that do not count. Medians of the rounds.
- QPS are per CPU second of the whole process (threads of its own included), so that other work on the machine counts less. Recall is that of 1,000 queries against
  exact search; QPS at a recall are read off the line between two measured widths, log(QPS) over recall.
- *bytes a vector* of Elanus are exact: vectors, index and one searching thread's working memory. Of the others: growth of the process, or what is mapped of it, when the
  index is opened.
- Filters are random rows from a fixed seed. hnswlib-node asks a JavaScript callback; LanceDB, zvec and sqlite-vec filter by an indexed boolean column; usearch cannot
  filter from JavaScript. *elanus FLAT* under a filter scans the rows that pass.
- LanceDB searches one partition and refines with exact vectors; sqlite-vec has no approximate index.

Run on ${report.machine}, Node ${report.node.slice(1)}, commit \`${report.commit}\`, ${report.when.slice(0, 10)}${report.quick ? ', with `--quick` (turns of at most half a second)' : ''}. Where the load average is
above the number of cores, other work ran beside: ratios of one table are worth more than its figures.

${sections.join('\n')}${END}
`;
const file = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const old = readFileSync(file, 'utf8');
const begin = old.indexOf(BEGIN);
const updated =
  begin < 0
    ? `${old.trimEnd()}\n\n${text}`
    : old.slice(0, begin) + text + old.slice(old.indexOf(END) + END.length + 1);
writeFileSync(file, updated);
