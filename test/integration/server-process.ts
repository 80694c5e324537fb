// A server as users run it: `elanus serve` in a process of its own, from the built package.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'dist/server/main.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Process {
  readonly pid: number;
  /** Everything written so far. */
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  readonly hasEnded: boolean;
}

export interface ServerProcess extends Process {
  readonly address: string;
  readonly port: number;
}

const running = new Set<ChildProcess>();
// A test that fails halfway must not leave its server behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs `elanus ARGS`. */
export const runElanus = (...args: readonly string[]): Process & { readonly ready: Promise<string> } =>
  runElanusWith({}, ...args);

/** @param variables of the environment, beside our own */
export function runElanusWith(
  variables: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Process & { readonly ready: Promise<string> } {
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`npm run build\` first`);
  const child = spawn(process.execPath, [program, ...args], {
    ...{ cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...variables } },
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let hasEnded = false;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      hasEnded = true;
      running.delete(child);
      resolve({ code, signal });
    });
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then(({ code, signal }) =>
      reject(new Error(`ended with ${code ?? signal} before it was ready: ${stderr}`)),
    );
  });
  ready.catch(() => {}); // Not everyone waits for it.
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
    ended,
    get hasEnded() {
      return hasEnded;
    },
    ready,
  };
}

/** Starts a server on a free port and waits for its line. */
export async function startServer(
  folder: string | undefined,
  ...args: readonly string[]
): Promise<ServerProcess> {
  const data = folder === undefined ? [] : ['--data', folder];
  const started = runElanus('serve', '--port', '0', ...data, ...args);
  const line = await started.ready;
  const address = /(127\.0\.0\.1:(\d+))/.exec(line);
  if (address === null) throw new Error(`no address in ${JSON.stringify(line)}`);
  return Object.assign(started, { address: address[1] ?? '', port: Number(address[2]) });
}

/** SIGTERM, and the end. @returns the exit code */
export async function stopServer(
  server: Process,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<number | null> {
  server.kill(signal);
  return (await server.ended).code;
}
