// What happened in a run, one line per event with its virtual time. The hash covers every byte, so two runs of one seed can be
// compared without keeping either.
import { createHash, type Hash } from 'node:crypto';

export type Facts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export class Trace {
  readonly lines: string[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #elapsedMs: () => number;
  #events = 0;

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  get events(): number {
    return this.#events;
  }

  /** Hash of everything so far, shortened: a fingerprint, not a signature. */
  get hash(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  add(who: string, event: string, facts: Facts = {}): void {
    const shown = Object.entries(facts).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${String(value)}`],
    );
    const line = [`${this.#elapsedMs().toFixed(3)}`, who, event, ...shown].join(' ').replaceAll('\n', ' ');
    this.#events++;
    this.#hash.update(`${line}\n`);
    this.lines.push(line);
  }
}
