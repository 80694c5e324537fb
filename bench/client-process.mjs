// The client's process of the benches of transports, and what they read of a server's process.
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const sorted = (values) => [...values].sort((a, b) => a - b);
export const at = (values, share) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
/** CPU time of the main thread, and of all threads of a process. */
export async function cpuOf(pid) {
  return {
    main: Number((await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1000,
    all: await cpuMicros(pid),
  };
}

async function cpuMicros(pid) {
  const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return (Number(stat[11]) + Number(stat[12])) * 10_000;
}

/** @param script beside this file */
export function startClient(script = './search-client.mjs') {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: ['--no-warnings'],
    serialization: 'advanced',
  });
  let answer;
  child.on('message', ({ output, error }) =>
    error ? answer.reject(new Error(error)) : answer.resolve(output),
  );
  child.once('exit', (code, signal) => answer?.reject(new Error(`the client ended with ${code ?? signal}`)));
  return {
    call(name, input) {
      return new Promise((resolve, reject) => {
        answer = { resolve, reject };
        child.send({ name, input });
      });
    },
    async stop() {
      if (child.exitCode !== null || !child.connected) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}
