// `elanus explain`: asks a running server over REST what its operations wait for, and writes a table.
import { z } from 'zod';
import { ElanusError, messageOf } from '#base/errors.js';
import { operationKinds } from '#model/states/explained.js';

export interface ExplainOptions {
  readonly address: string;
  readonly collection?: string;
  readonly database?: string;
  readonly token?: string;
}

const TIMEOUT_MS = 30_000;

const operation = z.object({
  kind: z.string(),
  collectionName: z.string(),
  what: z.string(),
  state: z.string(),
  waitsFor: z.string(),
  since: z.string().optional(),
  progress: z.number().optional(),
});
const answer = z.union([
  z.object({
    code: z.literal(0),
    data: z.object({ operations: z.array(operation), leftOut: z.number() }),
  }),
  z.object({ code: z.number(), message: z.string() }),
]);
type ShownOperation = z.output<typeof operation>;

/** @param kinds none: all of them @returns what is written for people @throws ElanusError */
export async function explainText(kinds: readonly string[], options: ExplainOptions): Promise<string> {
  const operations: ShownOperation[] = [];
  let leftOut = 0;
  for (const kind of kinds.length === 0 ? operationKinds : kinds) {
    const found = await ask(kind, options);
    operations.push(...found.operations);
    leftOut += found.leftOut;
  }
  return tableOf(operations, leftOut);
}

async function ask(kind: string, { address, collection, database, token }: ExplainOptions) {
  const base = /^https?:\/\//.test(address) ? address : `http://${address}`;
  const response = await fetch(new URL('/v2/vectordb/operations/explain', base), {
    method: 'POST',
    body: JSON.stringify({ kind, collectionName: collection ?? '', dbName: database }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new ElanusError(
      'service_unavailable',
      `${address} does not answer: ${causeOf(error)}; is it the address of a server?`,
    );
  });
  const read = answer.safeParse(await response.json().catch(() => undefined));
  if (!read.success)
    throw new ElanusError(
      'unsupported',
      `${address} answered with status ${response.status} and no list of operations, expected an Elanus server of this version with REST`,
    );
  if ('message' in read.data)
    throw new ElanusError('refused', `${read.data.message} (code ${read.data.code})`);
  return read.data.data;
}

/** What fetch throws says the reason only in its cause. */
const causeOf = (error: unknown): string =>
  messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);

const HEAD = ['OPERATION', 'OF', 'WHAT', 'STATE', 'SINCE', 'PROGRESS', 'WAITS FOR'];

/** Columns as wide as their widest cell; what waits for comes last, as it is the longest. */
function tableOf(operations: readonly ShownOperation[], leftOut: number): string {
  if (operations.length === 0) return 'nothing is under way\n';
  const rows = operations.map((one) =>
    [
      ...[one.kind, one.collectionName, one.what, one.state, one.since ?? '-'],
      ...[one.progress === undefined ? '-' : `${one.progress} %`, one.waitsFor],
    ].map(printable),
  );
  const widths = HEAD.map((head, at) => Math.max(...[HEAD, ...rows].map((row) => (row[at] ?? head).length)));
  const lines = [HEAD, ...rows].map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '),
  );
  const more = leftOut === 0 ? [] : [`and ${leftOut} more`];
  return `${[...lines, ...more].join('\n')}\n`;
}

/** Reasons have names from files in them: nothing of them moves the cursor of a terminal. */
const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
