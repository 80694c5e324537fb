// Logs kept as records, for tests and for the trail of a simulated run.
import type { LogFields, Logger } from '#platform/logger.js';

export interface LogRecord {
  readonly timeMs: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export class MemoryLogger implements Logger {
  readonly records: LogRecord[] = [];
  readonly #now: () => number;
  readonly #max: number;

  constructor(now: () => number = () => 0, max = 100_000) {
    this.#now = now;
    this.#max = max;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#add('debug', event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#add('info', event, fields);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#add('warn', event, fields);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#add('error', event, fields);
  }

  #add(level: LogRecord['level'], event: string, fields: LogFields): void {
    if (this.records.length >= this.#max) this.records.splice(0, Math.ceil(this.#max / 2)); // The recent half is worth more than none.
    this.records.push({ timeMs: this.#now(), level, event, fields });
  }
}
