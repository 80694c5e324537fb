// A segment described beside its files: docs/formats/manifest.md. JSON with the schema at the time of writing and the segment's record, so
// that a catalog can be rebuilt from the object store alone.
import { ElanusError, messageOf } from '#base/errors.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { type FilePlatform, hex, type SegmentAddress } from './object-file.js';

export interface Manifest {
  readonly schema: CollectionSchema;
  readonly segment: SegmentRecord;
}

const FORMAT = 'elanus-segment-manifest';
const VERSION = 1;
const encoder = new TextEncoder();

export const manifestKey = (at: SegmentAddress): string =>
  `manifest/${at.collectionId}/${at.partitionId}/${at.segmentId}.json`;

/** Writes, replacing what is there. @returns the key. */
export async function writeManifest(platform: FilePlatform, manifest: Manifest): Promise<string> {
  const { segment } = manifest;
  const key = manifestKey({
    collectionId: segment.collectionId,
    partitionId: segment.partitionId,
    segmentId: segment.id,
  });
  const content = toPlain({ schema: manifest.schema, segment });
  const crc32 = checksumOf(platform, VERSION, content);
  await platform.objectStore.put(key, [
    encoder.encode(JSON.stringify({ format: FORMAT, version: VERSION, crc32, content }, null, 1)),
  ]);
  return key;
}

/** @throws data_corrupt, object_not_found; unsupported for a version of a newer release */
export async function readManifest(platform: FilePlatform, key: string): Promise<Manifest> {
  const bytes = await platform.objectStore.get(key);
  const fail = (why: string, cause?: unknown): ElanusError =>
    new ElanusError('data_corrupt', `manifest ${key}: ${why}; restore it from a copy`, { cause });
  let parsed: { format?: unknown; version?: unknown; crc32?: unknown; content?: unknown };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = Object(JSON.parse(text)) as typeof parsed;
  } catch (error) {
    throw fail(`it is no JSON: ${messageOf(error)}`, error);
  }
  if (parsed.format !== FORMAT) throw fail(`format is ${JSON.stringify(parsed.format)}, expected ${FORMAT}`);
  const found = checksumOf(platform, parsed.version, parsed.content);
  if (parsed.crc32 !== found) throw fail(`its content has CRC-32 ${found}, expected ${parsed.crc32}`);
  if (parsed.version !== VERSION) {
    throw new ElanusError(
      'unsupported',
      `manifest ${key} has version ${parsed.version}, expected ${VERSION}: use a newer release`,
    );
  }
  // Byte for byte as written: spaces and escapes are not under the checksum.
  if (JSON.stringify(parsed, null, 1) !== text) throw fail('its text is not as it was written');
  try {
    const content = Object(fromPlain(parsed.content)) as { schema?: object; segment?: object };
    // A round trip through the wire form rejects members of a wrong type.
    const schema = CollectionSchema.decode(
      CollectionSchema.encode(CollectionSchema.fromPartial(content.schema ?? {})).finish(),
    );
    const segment = SegmentRecord.decode(
      SegmentRecord.encode(SegmentRecord.fromPartial(content.segment ?? {})).finish(),
    );
    return { schema, segment };
  } catch (error) {
    throw fail(`its content does not fit: ${messageOf(error)}`, error);
  }
}

/** Over the version and the content as compact JSON, so that spaces do not count. */
const checksumOf = (platform: Pick<FilePlatform, 'crc32'>, version: unknown, content: unknown): string =>
  hex(platform.crc32(encoder.encode(JSON.stringify({ version, content }))));
/** Keys of all manifests, or of one collection's. */
export const listManifests = (
  platform: Pick<FilePlatform, 'objectStore'>,
  collectionId?: bigint,
): Promise<readonly string[]> =>
  platform.objectStore.list(collectionId === undefined ? 'manifest/' : `manifest/${collectionId}/`);

/** JSON has no 64-bit integers and no bytes: `{"int64": "1"}` and `{"bytes": "<base64>"}` stand for them. */
function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return { int64: String(value) };
  if (value instanceof Uint8Array)
    return { bytes: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join('')) };
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value === 'number' && !Number.isFinite(value)) return { float: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, toPlain(member)]),
  );
}

function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [name, member] = entries.length === 1 ? (entries[0] as [string, unknown]) : ['', undefined];
  if (typeof member === 'string') {
    if (name === 'int64') return BigInt(member);
    if (name === 'bytes') return Uint8Array.from(atob(member), (char) => char.charCodeAt(0));
    if (name === 'float') return Number(member);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, fromPlain(item)]));
}
