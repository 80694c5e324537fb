// The thread that computes bcrypt: a hash takes some 100 ms, which nothing else must wait for. Self-contained: it runs as a script without
// the rest of the product.
import { parentPort } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcryptjs';

export interface PasswordJob {
  readonly id: number;
  readonly password: string;
  /** Not given: a new hash is made. */
  readonly hash?: string;
}

export interface PasswordAnswer {
  readonly id: number;
  readonly hash?: string;
  readonly isRight?: boolean;
}

const COST = 10;

function answerOf({ id, password, hash }: PasswordJob): PasswordAnswer {
  if (hash === undefined) return { id, hash: hashSync(password, COST) };
  try {
    return { id, isRight: compareSync(password, hash) };
  } catch {
    return { id, isRight: false }; // What is no hash is no hash of the password.
  }
}

parentPort?.on('message', (job: PasswordJob) => parentPort?.postMessage(answerOf(job)));
