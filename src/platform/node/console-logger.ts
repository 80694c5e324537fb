// Logs as one JSON object per line on stderr.
import type { LogFields, Logger } from '#platform/logger.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

export class ConsoleLogger implements Logger {
  readonly #least: number;
  readonly #write: (line: string) => void;

  constructor(
    level: LogLevel = 'info',
    write: (line: string) => void = (line) => void process.stderr.write(line),
  ) {
    this.#least = rank[level];
    this.#write = write;
  }

  debug(event: string, fields?: LogFields): void {
    this.#log('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#log('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#log('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#log('error', event, fields);
  }

  #log(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (rank[level] < this.#least) return;
    // Own keys last: a field never hides the time, level or event of a line. Big integers go as strings, JSON readers lose digits.
    const line = { ...fields, time: new Date().toISOString(), level, event };
    this.#write(
      `${JSON.stringify(line, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`,
    );
  }
}
