// What all workers of a run share: its counts, the newest version, the server of now, and how a failed call is judged.
import { messageOf } from '#base/errors.js';
import type { Chance } from './random.js';
import type { Server } from './server-process.js';

/** An answer that breaks a promise. It ends the run. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}

export class World {
  readonly folder: string;
  readonly chance: Chance;
  readonly counts = {
    writes: 0,
    unknownWrites: 0,
    reads: 0,
    changes: 0,
    imports: 0,
    slow: 0,
    kills: 0,
    stops: 0,
    checks: 0,
    compared: 0,
  };

  readonly #events: string[] = [];
  readonly #begin = Date.now();
  #version = 0;
  server: Server | undefined;
  isEnding = false;

  constructor(folder: string, chance: Chance) {
    this.folder = folder;
    this.chance = chance;
  }

  nextVersion(): number {
    return ++this.#version;
  }

  /** Kept for the report of a failure. */
  note(event: string): void {
    this.#events.push(`${((Date.now() - this.#begin) / 1000).toFixed(3)} ${event}`);
    if (this.#events.length > 6000) this.#events.splice(0, 3000);
  }

  get events(): readonly string[] {
    return this.#events;
  }

  get isServing(): boolean {
    return !this.isEnding && this.server !== undefined && !this.server.isEnding && !this.server.hasEnded;
  }

  /** A call failed. @throws Wrong when nothing excuses it */
  judge(what: string, error: unknown, isDisturbed: boolean): void {
    if (error instanceof Wrong) throw error;
    if (!this.isServing && this.server?.isEnding !== false) return;
    const reason = messageOf(error);
    if (/DEADLINE_EXCEEDED|deadline/i.test(reason)) {
      this.counts.slow++;
      this.note(`slow: ${what}: ${reason}`);
      return;
    }
    if (isDisturbed && !/INTERNAL|UNKNOWN|data_corrupt/.test(reason)) return;
    throw new Wrong(`${what}: ${reason}`);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
