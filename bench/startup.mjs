// Question: how soon is an empty server ready, how soon does a program find something in its database after a restart, and what does a server
// cost when nobody asks anything? Prints medians of starts, then resident memory and CPU share over an idle stretch.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeSet, openBase, openQueries, sets } from './embedded/data.mjs';
import { engines } from './embedded/elanus.mjs';
import { startServer } from './server-process.mjs';

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

export async function run({ quick = false, grpcThreads = [0] } = {}) {
  await measurePrograms(quick);
  const results = [];
  for (const threads of grpcThreads) results.push(await measure(quick, threads));
  return results[0];
}

/** Programs that open the folder, one after the other. */
function starts(rounds, ...args) {
  const child = fileURLToPath(new URL('start-child.mjs', import.meta.url));
  const measured = Array.from({ length: rounds }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--no-warnings', child, ...args], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  });
  const of = (name) => median(measured.map((one) => one[name]));
  return [...['importMs', 'openMs', 'firstMs', 'rssMb'].map(of), measured.at(-1).parts];
}

/** What a program waits for that has the database in its process. */
async function measurePrograms(quick) {
  const rounds = quick ? 3 : 7;
  const folder = mkdtempSync(join(tmpdir(), 'elanus-start-'));
  const set = quick ? 'quick' : 'points';
  try {
    const [importMs, openMs] = starts(rounds, '');
    console.log(`in process, in memory: loading ${importMs.toFixed(0)} ms, open() ${openMs.toFixed(0)} ms`);
    makeSet(set);
    const typed = engines.find(({ name }) => name === 'elanus, typed client');
    await typed.load({ ...openQueries(set), base: openBase(set) }, folder);
    const [loadMs, againMs, firstMs, rssMb, parts] = starts(rounds, folder, set);
    const { rows, dim } = sets[set];
    console.log(
      `in process, ${rows.toLocaleString('en')} x ${dim} with HNSW: loading ${loadMs.toFixed(0)} ms, open() ${againMs.toFixed(0)} ms, from there to the first answer ${firstMs.toFixed(0)} ms, then ${rssMb} MB resident`,
    );
    if (parts) console.log(`MB of it, and of V8: ${JSON.stringify(parts)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(quick, threads) {
  const args = threads === 0 ? [] : ['--grpc-threads', String(threads)];
  if (threads > 0) console.log(`with ${threads} gRPC threads:`);
  const readyMs = [];
  for (let round = 0; round < (quick ? 3 : 7); round++) {
    const server = await startServer({ args });
    readyMs.push(server.readyMs);
    await server.stop();
  }
  const server = await startServer({ args });
  const idleS = quick ? 5 : 30;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const before = await server.usage();
  await new Promise((resolve) => setTimeout(resolve, idleS * 1000));
  const after = await server.usage();
  await server.stop();
  const cpuShare = (after.cpuS - before.cpuS) / idleS;
  console.log(
    `start to ready, empty folder, process start included: ${median(readyMs).toFixed(0)} ms (median of ${readyMs.length})`,
  );
  console.log(
    `idle for ${idleS} s: ${after.rssMb.toFixed(0)} MB resident, ${(cpuShare * 100).toFixed(2)} % of a core`,
  );
  return { readyMs: median(readyMs), rssMb: after.rssMb, cpuShare };
}
