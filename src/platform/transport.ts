// Unary calls of bytes between processes, and the one port that clients see. gRPC in node/, a simulated network in memory/.
/** What travels beside a call. */
export interface CallContext {
  /** Aborts when the caller has gone or the deadline passed. */
  readonly signal: AbortSignal;
  /** Wall-clock milliseconds; undefined: none given. */
  readonly deadlineMs?: number;
  /** Lower-case keys; values of several headers joined by ",". */
  readonly metadata: Readonly<Record<string, string>>;
  /** Address of the peer's machine, where the transport knows one. */
  readonly peer?: string;
  /** Who calls, once that is shown; no transport sets it. Not given: nobody was asked. */
  readonly user?: string;
}

/** Answers one method. Bytes may be views of the message; the handler must not keep them after it answered unless it copies. */
export interface MethodHandler {
  (request: Uint8Array, context: CallContext): Promise<Uint8Array>;
  /** Nobody reads the message once the handler has settled, not when it failed either, nor is it in the answer: its memory is free. */
  readonly letsGo?: boolean;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case keys; values of several headers joined by ",". */
  readonly headers: Readonly<Record<string, string>>;
  /** Nobody reads it once the handler has settled, not when it failed either, nor is it in the answer. */
  readonly body: Uint8Array;
  /** Nobody reads the body any more, though the call goes on: its memory is free. Not given: it stays until then. */
  readonly letBodyGo?: () => void;
  /** Address of the client's machine, where it is known. */
  readonly peer?: string | undefined;
  /** Aborts when the client has gone before it was answered. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Beside the type and the length of the body. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Paths of PEM files for a port that speaks TLS. They are looked at again while it is open. */
export interface TlsFiles {
  /** Certificate of the server, with those between it and its authority behind it. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificates of authorities: clients then have to show a certificate that one of them signed. */
  readonly clientCaFile?: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** By full method path, `/milvus.proto.data.DataCoord/Flush`. */
  readonly methods: ReadonlyMap<string, MethodHandler>;
  readonly http?: (request: HttpRequest) => Promise<HttpResponse>;
  /** Largest size of one message, and of one body of HTTP. */
  readonly receiveBytesMax: number;
  /** Largest size of one answer. */
  readonly sendBytesMax: number;
  /**
   * Largest size of all that clients have under way: messages, answers that they have not read, open streams, bodies. A transport of the
   * outside world refuses what does not fit before it is buffered; it takes at least the largest message and the largest answer.
   */
  readonly heldBytesMax?: number;
  /** Connections at a time; further ones are closed as they come. Not given: what the operating system allows. */
  readonly connectionsMax?: number;
  /** Beginnings of the paths whose requests may have a body; any other request is handed on without reading one. None when not given. */
  readonly httpBodyPaths?: readonly string[];
  /**
   * Threads that hold the connections and speak the protocol; handlers run on the calling thread all the same. 0 or not given: that thread
   * does both. A hint: a transport that cannot does without.
   */
  readonly threads?: number;
  /** The port speaks TLS, and nothing else. A simulated transport does without. */
  readonly tls?: TlsFiles | undefined;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, lets running calls end for at most `graceMs`, then closes. */
  close(graceMs: number): Promise<void>;
}

export interface Connection {
  /**
   * @throws ElanusError service_unavailable when the peer cannot be reached or broke off, deadline_exceeded, cancelled;
   * unsupported when the peer has no such method; internal when its handler threw.
   */
  call(path: string, request: Uint8Array, context: CallContext): Promise<Uint8Array>;
  close(): void;
}

export interface Transport {
  listen(options: ListenOptions): Promise<Listener>;
  /** Lazy: connects at the first call, and again after a failure. @param address `host:port` */
  connect(address: string): Connection;
}
