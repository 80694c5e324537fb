// Protobuf by hand: messages as lists of field numbers and values, so that a test knows the wire by the numbers of the protocol alone and
// by nothing of our own .proto files.
import { Client, credentials } from '@grpc/grpc-js';

export type Value = bigint | string | Uint8Array | readonly Field[];
export type Field = readonly [number: number, value: Value];
/** What was read: values by field number, in order; lengths are left as bytes. */
export type Read = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

const isFields = (value: Value): value is readonly Field[] => Array.isArray(value);

function bytesOf(fields: readonly Field[]): Uint8Array {
  const bytes = fields.flatMap(([number, value]) => {
    if (typeof value === 'bigint') return [...varint(BigInt(number) << 3n), ...varint(value)];
    const content =
      typeof value === 'string' ? new TextEncoder().encode(value) : isFields(value) ? bytesOf(value) : value;
    return [...varint((BigInt(number) << 3n) | 2n), ...varint(BigInt(content.length)), ...content];
  });
  return Uint8Array.from(bytes);
}

function read(bytes: Uint8Array): Read {
  const found = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('a number is cut off');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = next();
    const number = Number(tag >> 3n);
    const kind = Number(tag & 7n);
    if (kind !== 0 && kind !== 2) throw new Error(`field ${number} has wire type ${kind}`);
    const value = kind === 0 ? next() : take(Number(next()));
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

/** The last value of a number, 0 when it is absent, as protobuf has it. */
export const int = (message: Read, number: number): bigint => {
  const value = message.get(number)?.at(-1) ?? 0n;
  if (typeof value !== 'bigint') throw new Error(`field ${number} is no number`);
  return BigInt.asIntN(64, value);
};
export const messages = (message: Read, number: number): Read[] =>
  (message.get(number) ?? []).map((value) => {
    if (typeof value === 'bigint') throw new Error(`field ${number} is no message`);
    return read(value);
  });
export const message = (from: Read, number: number): Read => messages(from, number).at(-1) ?? new Map();
export const texts = (from: Read, number: number): string[] =>
  (from.get(number) ?? []).map((value) => {
    if (typeof value === 'bigint') throw new Error(`field ${number} is no text`);
    return new TextDecoder().decode(value);
  });
/** Packed, as every encoder of proto3 writes repeated numbers, or one by one. */
export function ints(from: Read, number: number): bigint[] {
  return (from.get(number) ?? []).flatMap((value) => {
    if (typeof value === 'bigint') return [BigInt.asIntN(64, value)];
    const numbers: bigint[] = [];
    let [current, shift] = [0n, 0n];
    for (const byte of value) {
      current |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (byte >= 128) continue;
      numbers.push(BigInt.asIntN(64, current));
      [current, shift] = [0n, 0n];
    }
    return numbers;
  });
}

export interface PlainClient {
  /** @throws the gRPC error of a call that no message answered */
  call(path: string, fields: readonly Field[], metadata?: Readonly<Record<string, string>>): Promise<Read>;
  close(): void;
}

export function connectPlain(address: string): PlainClient {
  const client = new Client(address, credentials.createInsecure());
  return {
    call: async (path, fields, headers = {}) => {
      const { Metadata } = await import('@grpc/grpc-js');
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          (value: Buffer) => value,
          (value: Buffer) => value,
          Buffer.from(bytesOf(fields)),
          metadata,
          { deadline: Date.now() + 10_000 },
          (error, reply) => (error === null ? resolve(read(reply ?? new Uint8Array())) : reject(error)),
        );
      });
    },
    close: () => client.close(),
  };
}
