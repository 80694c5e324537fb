// A server in a process of its own, for benches: started on a fresh folder, ready when its line says so, ended by SIGTERM.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../dist/server/main.js', import.meta.url));

export async function startServer({ folder, main = built, execArgv = [], args = [] } = {}) {
  const data = folder ?? (await mkdtemp(join(tmpdir(), 'elanus-bench-')));
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    [...execArgv, main, 'serve', '--data', data, '--port', '0', ...args],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const line = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text);
    });
    child.on('exit', (code) => reject(new Error(`server ended with ${code} before it was ready`)));
  });
  const readyMs = performance.now() - begin;
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  return {
    address: `127.0.0.1:${port}`,
    pid: child.pid,
    data,
    readyMs,
    /** Resident memory in MB and CPU seconds so far (Linux). */
    async usage() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      const stat = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1].split(' ');
      return {
        rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024,
        cpuS: (Number(stat[11]) + Number(stat[12])) / 100,
      };
    },
    async stop({ keep = false } = {}) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      if (!keep) await rm(data, { recursive: true, force: true });
    },
  };
}
