// Which runtimes the product runs on. Asked before anything of the product is loaded, so that the answer is a sentence, not a crash.
import { ElanusError } from '#base/errors.js';

/** `process.versions` of Node, and what Bun and Deno add to theirs. */
export type RuntimeVersions = Readonly<Record<string, string | undefined>>;

/** The oldest Node that everything is tried on; package.json says the same (`engines`). */
const NODE_MIN = [20, 19] as const;

/** Tried with Bun 1.4 and Deno 2.9: what each begins with and where it ends (docs/bundlers.md). */
const refused = [
  { key: 'bun', name: 'Bun', fault: 'whose HTTP/2 server refuses gRPC calls' },
  { key: 'deno', name: 'Deno', fault: 'whose worker threads cannot write the log' },
] as const;

/** @throws unsupported when this is Bun, Deno or a Node that is too old */
export function checkRuntime(versions: RuntimeVersions): void {
  for (const { key, name, fault } of refused)
    if (versions[key] !== undefined)
      throw new ElanusError(
        'unsupported',
        `this is ${name} ${versions[key]}, ${fault}: expected Node.js ${NODE_MIN.join('.')} or later; run \`elanus serve\` with Node.js and connect to it with a Milvus client`,
      );
  const [major = 0, minor = 0] = (versions.node ?? '').split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]))
    throw new ElanusError(
      'unsupported',
      `this is Node.js ${versions.node ?? 'of no version'}: expected ${NODE_MIN.join('.')} or later; install a newer one`,
    );
}
