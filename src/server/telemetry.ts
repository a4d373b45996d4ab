/** A hook for tracing: hand in an adapter to OpenTelemetry, or to anything else. kvsteer depends on none. */
export interface Telemetry {
  /** A request has begun. `headers` holds `traceparent` and `tracestate`, where the client sent them. */
  startRequest(
    name: string,
    attributes: Readonly<Record<string, string | number | boolean>>,
    headers: Readonly<Record<string, string>>,
  ): TelemetrySpan;
}

export interface TelemetrySpan {
  set(attributes: Readonly<Record<string, string | number | boolean>>): void;
  /** Called once. `error`: why it failed, if it did. */
  end(error?: unknown): void;
}
