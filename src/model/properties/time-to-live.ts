// How long rows of a collection count, as its properties say.

/** In the units of timestamps; 0n: rows do not expire. */
export function timeToLive(properties: Readonly<Record<string, string>>): bigint {
  const text = properties['collection.ttl.seconds'];
  if (text === undefined || !/^[+-]?\d{1,18}$/.test(text)) return 0n;
  const seconds = BigInt(text);
  return seconds > 0n ? (seconds * 1000n) << 18n : 0n;
}
