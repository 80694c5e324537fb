// Question: what does a search through gRPC cost beside a bare gRPC echo with messages of the same size? Real server, client and echo are
// processes of their own; candidates take turns. Printed: searches a second, latencies, CPU time of the server per request, and the
// server's rate as a share of the echo's. CPU time is more reliable than rates where other work runs on the machine.
// With --grpc-threads, servers with so many threads of their own for gRPC take turns, over 8 connections, and the main thread's CPU is shown.
// SERVER=dir/dist/server/main.js measures another build instead, AGAINST=… beside it; CASES=FLAT1000,HNSW20000 some of the collections.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { at, cpuOf, startClient } from './client-process.mjs';
import { startServer } from './server-process.mjs';

const CALLERS = [1, 8, 32];
export async function run({ quick = false, grpcThreads } = {}) {
  const rounds = quick ? 3 : 5;
  const milliseconds = quick ? 400 : 1000;
  const echoProcess = spawn(process.execPath, [fileURLToPath(new URL('./grpc-echo.mjs', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(echoProcess.stdout, 'data');
  const echo = { name: 'echo', address: String(line).trim(), pid: echoProcess.pid };
  const main = process.env.SERVER ? { main: process.env.SERVER } : {};
  const servers = [];
  for (const threads of grpcThreads ?? [0]) {
    const args = threads === 0 ? [] : ['--grpc-threads', String(threads)];
    servers.push({
      name: threads === 0 ? 'elanus' : `${threads} thr.`,
      ...(await startServer({ ...main, args })),
    });
  }
  const server = servers[0];
  if (process.env.AGAINST)
    servers.unshift({ name: 'against', ...(await startServer({ main: process.env.AGAINST })) });
  const client = startClient();
  const wanted = process.env.CASES?.split(',') ?? (grpcThreads && ['FLAT1000', 'HNSW20000']);
  const connections = grpcThreads ? 8 : 1;
  const cases = [
    { rows: 1000, index: 'FLAT' },
    { rows: 1000, index: 'HNSW' },
    { rows: 20_000, index: 'FLAT' },
    { rows: 20_000, index: 'HNSW' },
  ].filter(({ rows, index }) => wanted === undefined || wanted.includes(`${index}${rows}`));
  const summary = [];
  try {
    for (const { rows, index } of cases) {
      const collection = `search_${index}_${rows}`;
      for (const { address } of servers) await client.call('fill', { address, collection, rows, index });
      const kinds = [
        { label: 'ids', by: 'bare', fields: [], nq: 1 },
        { label: 'ids + field', by: 'bare', fields: ['price'], nq: 1 },
        { label: '16 queries', by: 'bare', fields: [], nq: 16, callers: [8] },
        { label: 'ids, SDK', by: 'sdk', fields: [], nq: 1, callers: [8] },
      ];
      for (const { label, callers: some = CALLERS, ...kind } of grpcThreads ? kinds.slice(0, 1) : kinds) {
        const sizes = await client.call('teach', {
          address: server.address,
          echo: echo.address,
          collection,
          ...kind,
        });
        console.log(`\n${index}, ${rows} x 128, ${label}: ${sizes.request} bytes in, ${sizes.answer} out`);
        for (const callers of some) {
          // The SDK does not take the echo's answers apart the same way: the bare ceiling is printed beside it.
          const candidates = [...servers, ...(kind.by === 'sdk' ? [] : [echo])];
          const found = new Map(
            candidates.map(({ name }) => [name, { qps: [], cpu: [], main: [], latencies: [] }]),
          );
          for (let round = -1; round < rounds; round++) {
            for (const { name, address, pid } of candidates) {
              const before = await cpuOf(pid);
              const { seconds, latencies } = await client.call('search', {
                ...kind,
                address,
                collection,
                callers,
                connections,
                milliseconds,
              });
              if (round < 0) continue; // Warms up.
              const one = found.get(name);
              one.qps.push(latencies.length / seconds);
              const after = await cpuOf(pid);
              one.cpu.push((after.all - before.all) / latencies.length);
              one.main.push((after.main - before.main) / latencies.length);
              one.latencies.push(...latencies);
            }
          }
          const ceiling = found.get('echo');
          for (const [name, { qps, cpu, main, latencies }] of found) {
            const rate = at(qps, 0.5);
            const ofEcho =
              ceiling && name !== 'echo'
                ? `${((rate / at(ceiling.qps, 0.5)) * 100).toFixed(0)} % of the echo`
                : '';
            const micros = at(cpu, 0.5);
            console.log(
              `  ${String(callers).padStart(2)} callers  ${name.padEnd(8)} ${rate.toFixed(0).padStart(6)}/s   p50 ${at(latencies, 0.5).toFixed(2).padStart(6)} ms   ` +
                `p99 ${at(latencies, 0.99).toFixed(2).padStart(7)} ms   server CPU ${micros.toFixed(0).padStart(5)} us, ` +
                `main thread ${at(main, 0.5).toFixed(0).padStart(4)} us   ${ofEcho}`,
            );
            if (name !== 'echo') summary.push({ index, rows, label, callers, name, rate, micros });
          }
        }
      }
    }
  } finally {
    await client.stop();
    for (const one of servers) await one.stop();
    echoProcess.kill('SIGTERM');
  }
  return summary;
}
