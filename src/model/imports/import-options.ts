// The options of an import: what each may be, read once when the job is made, so that a wrong one is refused before there is a job.
import { ElanusError } from '#base/errors.js';

interface Option {
  readonly key: string;
  readonly value: string;
}

/** Options that are used; others are refused by name. */
const IMPORT_OPTIONS = ['sep', 'nullkey'] as const;

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

/** @throws import_failed, unsupported */
export function checkImportOptions(options: readonly Option[]): void {
  for (const { key } of options)
    if (!IMPORT_OPTIONS.some((known) => known === key))
      throw new ElanusError(
        'unsupported',
        `import option ${key.slice(0, 200)} is not supported in this version; leave it out`,
      );
  csvOptions(options);
}
