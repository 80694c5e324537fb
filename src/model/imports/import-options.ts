// The options of an import: what each may be, read once when the job is made, so that a wrong one is refused before there is a job.
import { ElanusError } from '#base/errors.js';

interface Option {
  readonly key: string;
  readonly value: string;
}

/** Options that are used; others are refused by name. */
const IMPORT_OPTIONS = ['timeout', 'sep', 'nullkey', 'auto_commit'] as const;

const givenFor = (options: readonly Option[], key: string): string | undefined =>
  options.find((option) => option.key === key)?.value;

const wrong = (key: string, value: string, expected: string): ElanusError =>
  new ElanusError(
    'import_failed',
    `import option ${key} is ${JSON.stringify(value.slice(0, 80))}, expected ${expected}: invalid parameter`,
  );

/** @throws import_failed */
export function csvOptions(options: readonly Option[]): {
  readonly separator: string;
  readonly nullKey: string;
} {
  const separator = givenFor(options, 'sep') ?? ',';
  if (!/^[ -~\t]$/.test(separator) || separator === '"')
    throw wrong('sep', separator, 'one character of ASCII, no quote and no line end');
  return { separator, nullKey: givenFor(options, 'nullkey') ?? '' };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** How long the job may take, in ms; undefined: as long as it takes. @throws import_failed */
export function timeoutMs(options: readonly Option[]): number | undefined {
  const value = givenFor(options, 'timeout');
  if (value === undefined) return undefined;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const sum = parts.reduce((all, [, number, unit]) => all + Number(number) * (unitMs[unit ?? ''] ?? 0), 0);
  if (parts.map(([part]) => part).join('') !== value || !(sum > 0))
    throw wrong('timeout', value, 'a duration such as 300s or 1h30m');
  return sum;
}

/** Whether a job commits by itself once its rows are written; otherwise a client commits or aborts it. @throws import_failed */
export function commitsByItself(options: readonly Option[]): boolean {
  const value = givenFor(options, 'auto_commit') ?? 'true';
  if (!/^(true|false)$/i.test(value)) throw wrong('auto_commit', value, 'true or false');
  return value.toLowerCase() === 'true';
}

/** @throws import_failed, unsupported */
export function checkImportOptions(options: readonly Option[]): void {
  for (const { key } of options)
    if (!IMPORT_OPTIONS.some((known) => known === key))
      throw new ElanusError(
        'unsupported',
        `import option ${key.slice(0, 200)} is not supported in this version; leave it out`,
      );
  csvOptions(options);
  timeoutMs(options);
  commitsByItself(options);
}
