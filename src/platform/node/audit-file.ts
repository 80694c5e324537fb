// The audit log as a file: one JSON line an event, appended, readable for its owner alone. Lines are written as fast as the disk takes them; when
// it takes none, later lines are lost and the log says how many, for the database must not stop for them or grow.
import { createWriteStream, openSync } from 'node:fs';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Logger } from '#platform/logger.js';
import { ConsoleLogger } from './console-logger.js';

const WAITING_BYTES_MAX = 8 * 1024 * 1024;

export interface AuditFile {
  readonly logger: Logger;
  close(): Promise<void>;
}

/** @throws io_failed */
export function openAuditFile(path: string, log: Logger): AuditFile {
  const stream = createWriteStream(path, { fd: openForAppend(path) });
  let lost = 0;
  const report = (reason: string): void => log.error('audit_lost', { path, lines: lost, reason });
  stream.on('error', (error) => report(messageOf(error)));
  stream.on('drain', () => {
    if (lost > 0) report('the disk was too slow');
    lost = 0;
  });
  const write = (line: string): void => {
    if (stream.writableLength > WAITING_BYTES_MAX || stream.destroyed) lost++;
    else stream.write(line);
  };
  return {
    logger: new ConsoleLogger('info', write),
    close: () =>
      new Promise((resolve) => {
        if (stream.destroyed) resolve();
        else stream.end(() => resolve());
      }),
  };
}

function openForAppend(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new ElanusError(
      'io_failed',
      `the audit log ${JSON.stringify(path)} cannot be opened: ${messageOf(error)}: name a file in a folder that is there`,
      { cause: error },
    );
  }
}
