// The headers of a call, read once for all calls of a connection that have the same: clients send the same with each, but for the time that a
// call may take.

export interface RequestHeaders {
  readonly method: string;
  readonly path: string;
  readonly isGrpc: boolean;
  /** As it was sent. */
  readonly timeout: string | undefined;
  readonly encoding: string | undefined;
  /** Bytes of data that the client says it sends. */
  readonly contentLength: number | undefined;
  /** What travels beside the call; what belongs to the protocol is left out. */
  readonly metadata: Readonly<Record<string, string>>;
}

export class CallHeaders {
  #sent: readonly string[] = [];
  #read: RequestHeaders | undefined;

  /** @param sent names and values in turn */
  read(sent: readonly string[]): RequestHeaders {
    const before = this.#read;
    if (before !== undefined && sent === this.#sent) return before;
    if (before !== undefined && this.#isSame(sent)) {
      const at = timeoutAt(sent);
      return at < 0 ? before : { ...before, timeout: sent[at + 1] };
    }
    const read = readHeaders(sent);
    this.#sent = sent;
    this.#read = read;
    return read;
  }

  /** Texts of the table of a connection are the same objects, so that they are compared at once. */
  #isSame(sent: readonly string[]): boolean {
    const before = this.#sent;
    if (before.length !== sent.length) return false;
    for (let at = 0; at < sent.length; at += 2) {
      if (sent[at] !== before[at]) return false;
      if (sent[at + 1] !== before[at + 1] && sent[at] !== TIMEOUT) return false;
    }
    return true;
  }
}

const TIMEOUT = 'grpc-timeout';

function timeoutAt(sent: readonly string[]): number {
  for (let at = 0; at < sent.length; at += 2) if (sent[at] === TIMEOUT) return at;
  return -1;
}

function readHeaders(sent: readonly string[]): RequestHeaders {
  const all = new Map<string, string>();
  for (let at = 0; at < sent.length; at += 2) {
    const [name, value] = [sent[at] as string, sent[at + 1] as string];
    const before = all.get(name);
    // The first counts where a header may be there once.
    if (before === undefined) all.set(name, value);
    else if (!single.has(name)) all.set(name, `${before}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  const metadata: Record<string, string> = {};
  for (const [name, value] of all)
    if (!name.startsWith(':') && !ofProtocol.has(name))
      metadata[name] = name.endsWith('-bin') ? normalBase64(value) : value;
  return {
    method: all.get(':method') ?? '',
    path: all.get(':path') ?? '',
    isGrpc: /^application\/grpc(\+proto|;|$)/.test(all.get('content-type') ?? ''),
    timeout: all.get(TIMEOUT),
    encoding: all.get('grpc-encoding'),
    contentLength: contentLengthOf(all.get('content-length')),
    metadata,
  };
}

/** @param text digits; several of them that are not the same are no number, and no amount of data is right then */
function contentLengthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [first, ...others] = text.split(', ').map(Number);
  return others.every((other) => other === first) ? first : Number.NaN;
}

const single: ReadonlySet<string> = new Set([
  ':authority',
  'authorization',
  'content-type',
  'grpc-encoding',
  'host',
  'te',
  TIMEOUT,
  'user-agent',
]);

/** Beside those that begin with a colon. */
const ofProtocol: ReadonlySet<string> = new Set([
  'te',
  'content-type',
  'accept-encoding',
  TIMEOUT,
  'grpc-encoding',
  'grpc-accept-encoding',
]);

const normalBase64 = (values: string): string =>
  values
    .split(',')
    .map((value) => Buffer.from(value, 'base64').toString('base64'))
    .join(',');
