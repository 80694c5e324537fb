// Question: how soon is an empty server ready, and what does it cost when nobody asks anything? Prints medians of starts, then resident
// memory and CPU share over an idle stretch.
import { startServer } from './server-process.mjs';

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

export async function run({ quick = false, grpcThreads = [0] } = {}) {
  const results = [];
  for (const threads of grpcThreads) results.push(await measure(quick, threads));
  return results[0];
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
