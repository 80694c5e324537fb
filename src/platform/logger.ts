// Structured logs: a fixed event name plus fields.
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}
