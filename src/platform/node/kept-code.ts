// Runs a script of ours with what V8 made of it at an earlier start: loading it, and the first calls, are mostly compiling (ADR 0084). What is kept lies
// beside the script, where only who may change the script may write, or in the folder that the program has for such files. It is run only when it
// is of this very text, whole, and of this V8; whatever else it is, the script is compiled as if there were none.
import {
  accessSync,
  constants,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as nodeModule from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedDataVersionTag } from 'node:v8';
import { runInThisContext, Script } from 'node:vm';
import { threadId } from 'node:worker_threads';
import * as zlib from 'node:zlib';

/** What a script is called with: its own URL, and the modules that it shares with other code. */
type Body = (url: string, shared: unknown) => unknown;

/** First bytes of a kept file; a change of what follows them takes another number. Then CRC-32 of the script and of the rest, which start made it, the rest. */
const MAGIC = 0x454c4b32;
const HEADER_BYTES = 16;
/** A first start often writes only, and a second one searches: each adds what it called. */
const STARTS_MAX = 3;
/** Long enough after the start that most programs have searched by then: what was called is kept, too. */
const KEEP_AFTER_MS = 5000;
/**
 * V8 forgets what it compiled of functions that were not called for six of its full collections, those that only ran once as the script was
 * loaded first of all, and compiling these again takes as long as if nothing had been kept.
 */
const COLLECTIONS_MAX = 3;
/** A process with other flags, or of another Node, keeps a file of its own beside those of the same script. */
const FILES_MAX = 6;
/**
 * What other builds left, and writes that did not end, go when they are so much older than what was kept last: two builds that share a folder
 * make each other's anew once a day at most.
 */
const OTHERS_MS_MAX = 86_400_000;
/** Behind the name of a script: what its text says of itself. */
const BUILD = /-[0-9a-f]{8}$/;

type Crc32 = (bytes: Uint8Array) => number;
/** Bun and Deno have neither what V8 keeps nor all of these. */
const { crc32 }: { readonly crc32?: Crc32 } = zlib;

/** @returns what the script's one function gives */
export function runScript(url: string, shared: unknown): unknown {
  const file = fileURLToPath(url);
  const load = nodeModule.createRequire(url);
  // Under another global object (tests in a `vm` context) arrays would be of another world than the caller's.
  if (!canKeep() || crc32 === undefined || runInThisContext('globalThis') !== globalThis)
    return (load(file) as Body)(url, shared);
  const bytes = readFileSync(file);
  const sum = crc32(bytes);
  const kept = keptFile(file);
  const { data, starts } = readKept(kept, sum, crc32);
  const script = new Script(`(function(module,require){${bytes.toString('latin1')}\n})`, {
    filename: file,
    ...(data && { cachedData: data }),
  });
  const module: { exports?: Body } = {};
  script.runInThisContext()(module, load);
  const before = script.cachedDataRejected === true ? 0 : starts;
  if (before < STARTS_MAX) keepLater(script, kept, { sum, starts: before + 1 }, crc32);
  return module.exports?.(url, shared);
}

const canKeep = (): boolean =>
  process.versions.bun === undefined &&
  process.versions.deno === undefined &&
  process.env.NODE_DISABLE_COMPILE_CACHE === undefined;

function keptFile(script: string): string {
  const { getCompileCacheDir }: Partial<typeof nodeModule> = nodeModule;
  const folder = getCompileCacheDir?.() ?? path.dirname(script);
  const engine = `${process.version}-${process.arch}-${cachedDataVersionTag().toString(16)}`;
  return path.join(folder, `${path.basename(script, '.cjs')}-${engine}.code`);
}

/** What is known of a kept file beside its bytes. */
interface Made {
  /** CRC-32 of the script. */
  readonly sum: number;
  /** How many starts have added to it. */
  readonly starts: number;
}

function readKept(
  file: string,
  sum: number,
  crc32: Crc32,
): { readonly data?: Buffer; readonly starts: number } {
  const none = { starts: 0 };
  try {
    const bytes = readFileSync(file);
    if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return none;
    const data = bytes.subarray(HEADER_BYTES);
    const fits = bytes.readUInt32LE(4) === sum && bytes.readUInt32LE(8) === crc32(data);
    return fits ? { data, starts: bytes.readUInt32LE(12) } : none;
  } catch {
    return none; // Not there, or not for us to read.
  }
}

/** Once: some seconds after the start, before V8 forgets, or when the program ends, whichever is first. */
function keepLater(script: Script, file: string, made: Made, crc32: Crc32): void {
  try {
    accessSync(path.dirname(file), constants.W_OK);
  } catch {
    return; // Installed by somebody else, as in most containers.
  }
  const keep = (): void => {
    clearTimeout(timer);
    process.removeListener('exit', keep);
    stopCounting();
    try {
      writeKept(file, script.createCachedData(), made, crc32);
    } catch {
      // The folder is gone, the disk is full: the next start compiles, as this one did.
    }
  };
  const timer = setTimeout(keep, KEEP_AFTER_MS).unref();
  const stopCounting = afterCollections(COLLECTIONS_MAX, keep);
  process.once('exit', keep);
}

/** @returns ends the counting: nothing is called any more */
function afterCollections(count: number, act: () => void): () => void {
  const token = {};
  const collected = new FinalizationRegistry<number>((left) => (left > 1 ? expect(left - 1) : act()));
  // Nobody else has the object, so that the next full collection finds it.
  const expect = (left: number): void => collected.register({}, left, token);
  expect(count);
  return () => collected.unregister(token);
}

/** Others may read and write the same file: it is there whole or not at all. */
function writeKept(file: string, data: Buffer, { sum, starts }: Made, crc32: Crc32): void {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(sum, 4);
  header.writeUInt32LE(crc32(data), 8);
  header.writeUInt32LE(starts, 12);
  const written = `${file}.${process.pid}-${threadId}`;
  try {
    writeFileSync(written, Buffer.concat([header, data]), { mode: 0o644, flag: 'wx' });
    renameSync(written, file);
  } catch (error) {
    rmSync(written, { force: true });
    throw error;
  }
  removeOldest(file);
}

/** @param file that was kept just now */
function removeOldest(file: string): void {
  const folder = path.dirname(file);
  const [script = ''] = path.basename(file).split('-v');
  const family = script.replace(BUILD, '');
  const ours: Kept[] = [];
  const others: Kept[] = [];
  for (const name of readdirSync(folder)) {
    const [of = ''] = name.split('-v');
    if (of === name || of.replace(BUILD, '') !== family || !/\.code(\.\d+-\d+)?$/.test(name)) continue;
    const one = path.join(folder, name);
    const { mtimeMs: at } = statSync(one);
    (of === script && name.endsWith('.code') ? ours : others).push({ one, at });
  }
  const { mtimeMs: now } = statSync(file);
  const old = others.filter(({ at }) => at < now - OTHERS_MS_MAX);
  for (const { one } of [...ours.sort((a, b) => b.at - a.at).slice(FILES_MAX), ...old])
    rmSync(one, { force: true });
}

interface Kept {
  readonly one: string;
  readonly at: number;
}
