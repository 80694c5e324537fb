// Which runtimes the product runs on. Asked before anything of the product is loaded, so that the answer is a sentence, not a crash.
import { ElanusError } from '#base/errors.js';

/** `process.versions` of Node, and what Bun and Deno add to theirs. */
export type RuntimeVersions = Readonly<Record<string, string | undefined>>;

/** The oldest Node that everything is tried on; package.json says the same (`engines`). */
const NODE_MIN = [20, 19] as const;

/** Bun and Deno from the versions on that everything is tried on (docs/bundlers.md). */
const others = [
  { key: 'bun', name: 'Bun', min: [1, 4] },
  { key: 'deno', name: 'Deno', min: [2, 9] },
] as const;

/** @throws unsupported when this is a Node, Bun or Deno that is too old */
export function checkRuntime(versions: RuntimeVersions): void {
  const other = others.find(({ key }) => versions[key] !== undefined);
  const { key, name, min } = other ?? { key: 'node', name: 'Node.js', min: NODE_MIN };
  const version = versions[key];
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (major < min[0] || (major === min[0] && minor < min[1]))
    throw new ElanusError(
      'unsupported',
      `this is ${name} ${version ?? 'of no version'}: expected ${min.join('.')} or later; install a newer one`,
    );
}
