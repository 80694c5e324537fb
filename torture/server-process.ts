// Starts, kills and stops the server process of a torture run.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./server.js', import.meta.url));
/** A start replays logs; a stop writes rows out. Longer than this is a failure of the run. */
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

export class Server {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #errors = '';
  hasEnded = false;
  /** It was asked to end: failed calls are no surprise from here. */
  isEnding = false;

  constructor(folder: string, isUsual: boolean) {
    const args = [program, folder, ...(isUsual ? ['--usual'] : [])];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.#child);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-200_000);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.hasEnded = true;
        running.delete(this.#child);
        resolve(String(code ?? signal));
      });
    });
  }

  /** @returns the address @throws when it ends or takes too long before it is ready */
  ready(): Promise<string> {
    const line = new Promise<string>((resolve) => {
      let text = '';
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const address = /ready (\S+)\n/.exec(text)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    const end = this.#ended.then((how) => {
      throw new Error(`the server ended with ${how} before it was ready:\n${this.#errors.slice(-3000)}`);
    });
    const late = wait(START_MS_MAX).then(() => {
      throw new Error(`the server was not ready after ${START_MS_MAX} ms:\n${this.#errors.slice(-3000)}`);
    });
    return Promise.race([line, end, late]);
  }

  get log(): string {
    return this.#errors;
  }

  async kill(): Promise<void> {
    this.isEnding = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM. @throws when it does not end, or not with 0 */
  async stop(): Promise<void> {
    this.isEnding = true;
    this.#child.kill('SIGTERM');
    const how = await Promise.race([this.#ended, wait(STOP_MS_MAX).then(() => 'too late')]);
    if (how !== '0')
      throw new Error(
        `SIGTERM: the server ended with ${how}, expected 0 within ${STOP_MS_MAX} ms:\n${this.#errors.slice(-3000)}`,
      );
  }
}
