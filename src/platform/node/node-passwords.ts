// Passwords by bcrypt on a thread of their own, started when first needed. One at a time, and few wait: who floods the server with logins
// takes one core at most, and none from searches.
import { createHmac, randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import type { Passwords } from '#platform/passwords.js';
import type { PasswordAnswer, PasswordJob } from './password-worker.js';
import { scriptUrl } from './script-url.js';

const WAITING_MAX = 64;

export class NodePasswords implements Passwords {
  readonly #key = randomBytes(32);
  readonly #waiting = new Map<number, Deferred<PasswordAnswer>>();
  #worker: Worker | undefined;
  #nextId = 1;
  #isClosed = false;

  async hash(password: string): Promise<string> {
    const { hash } = await this.#ask({ password });
    if (hash === undefined) throw lost('it gave no hash');
    return hash;
  }

  async verify(password: string, hash: string): Promise<boolean> {
    return (await this.#ask({ password, hash })).isRight === true;
  }

  digest(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
    this.#fail('the database was closed');
  }

  #ask(job: Omit<PasswordJob, 'id'>): Promise<PasswordAnswer> {
    if (this.#isClosed) return Promise.reject(lost('the database was closed'));
    if (this.#waiting.size >= WAITING_MAX)
      return Promise.reject(
        new ElanusError(
          'queue_full',
          `${WAITING_MAX} passwords wait to be checked, at most that many may; try again`,
        ),
      );
    const worker = this.#start();
    const id = this.#nextId++;
    const waiter = deferred<PasswordAnswer>();
    this.#waiting.set(id, waiter);
    worker.ref();
    worker.postMessage({ ...job, id });
    return waiter.promise;
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(scriptUrl(import.meta.url, './password-worker.js'), {
      name: 'passwords',
      execArgv: [],
    });
    worker.unref();
    worker.on('message', (answer: PasswordAnswer) => {
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on('error', (error) => this.#lost(worker, error.message));
    worker.on('exit', (code) => this.#lost(worker, `exit code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #lost(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fail(reason);
  }

  #fail(reason: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiter of waiting) waiter.reject(lost(reason));
  }
}

const lost = (reason: string): ElanusError =>
  new ElanusError('service_unavailable', `the thread of passwords ended: ${reason}; try again`);
