// Names in the folder of a log. A log file says where it begins and which opening made it, so no two openings ever write the same file;
// an owner file stands for the right to append of one opening.
export interface LogName {
  readonly path: string;
  readonly firstLsn: bigint;
  /** 0 in version 1 of the format, which had no openings. */
  readonly term: bigint;
  readonly salt: number;
}

export interface OwnerName {
  readonly path: string;
  readonly epoch: bigint;
  readonly term: bigint;
  readonly salt: number;
}

const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, '0');
const number = (digits: string | undefined): bigint => BigInt(`0x${digits ?? '0'}`);

export const logPath = (folder: string, name: Omit<LogName, 'path'>): string =>
  `${folder}/${hex(name.firstLsn, 16)}-${hex(name.term, 8)}-${hex(name.salt, 8)}.log`;
export const ownerPath = (folder: string, name: Omit<OwnerName, 'path'>): string =>
  `${folder}/${hex(name.epoch, 8)}-${hex(name.term, 8)}-${hex(name.salt, 8)}.owner`;

/** There while checkpoints may be before the first entry, as a program of version 1 left them. */
export const unsettledPath = (folder: string): string => `${folder}/unsettled`;

/** Log files and owner files among the paths; what has another name is not ours and is left alone. */
export function parseNames(paths: readonly string[]): {
  readonly logs: LogName[];
  readonly owners: OwnerName[];
} {
  const logs: LogName[] = [];
  const owners: OwnerName[] = [];
  for (const path of paths) {
    const log = /\/([0-9a-f]{16})(?:-([0-9a-f]{8,16})-([0-9a-f]{8}))?\.log$/.exec(path);
    if (log !== null)
      logs.push({ path, firstLsn: number(log[1]), term: number(log[2]), salt: Number(number(log[3])) });
    const owner = /\/([0-9a-f]{8,16})-([0-9a-f]{8,16})-([0-9a-f]{8})\.owner$/.exec(path);
    if (owner !== null)
      owners.push({ path, epoch: number(owner[1]), term: number(owner[2]), salt: Number(number(owner[3])) });
  }
  // Newest first: a later opening supersedes what an earlier one wrote from that number on.
  logs.sort((a, b) => order(b.term, a.term) || order(b.firstLsn, a.firstLsn) || b.salt - a.salt);
  return { logs, owners };
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
