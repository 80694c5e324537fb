// Requests to services outside: models that make vectors of texts. fetch in node/; a simulated platform gets whatever its test speaks for
// the service.
export interface OutboundRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Largest size of the answer. */
  readonly answerBytesMax: number;
}

export interface OutboundResponse {
  readonly status: number;
  /** Lower-case keys. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpClient {
  /**
   * POSTs the body. A redirection is not followed: it is the answer, by its status. Where a request goes is decided by whoever configured the address.
   * @throws ElanusError service_unavailable when there is no whole answer, function_failed when it is too large; what the signal was aborted
   * with
   */
  post(request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse>;
}
