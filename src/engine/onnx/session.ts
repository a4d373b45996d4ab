/**
 * What the onnx engine asks of whatever runs its graph: one step over contiguous rows of a pool, keys and values
 * updated in place. Implementations: `plain/` (onnxruntime-node) and graphs of other layouts (`foreign/`).
 * L layers, H KV heads, D head size, V vocabulary, B rows, S tokens a row in this step, C hidden size.
 */
import type { RowPool } from './row-pool.ts';

export interface Step {
  readonly pool: RowPool;
  /** Rows firstRow .. firstRow + B - 1 of the pool take part. */
  readonly firstRow: number;
  /** [B, S] */
  readonly tokens: readonly number[];
  /** [B]: positions each row holds after this step. B > 1 only with S = 1 or with empty rows (right-padded). */
  readonly totals: readonly number[];
  /** [N]: indexes into [B, S] whose logits are wanted. */
  readonly logitsAt: readonly number[];
  /** [L, B, C]: added to the residual stream after each layer, at all S positions. */
  readonly residual?: Float32Array;
  /** Return the residual stream at `logitsAt`. */
  readonly hidden?: boolean;
}

export interface StepResult {
  /** [N, V]; valid until the next step. */
  readonly logits: Float32Array;
  /** [L, N, C] */
  readonly hidden?: Float32Array;
}

export interface Session {
  /** For logs and benchmarks, e.g. `onnxruntime-node 1.30.0`. */
  readonly runtime: string;
  /** Most rows one step may have. */
  readonly maxRows: number;
  /** One step at a time: a second call before the first settles is a programming error. */
  step(step: Step): Promise<StepResult>;
  dispose(): Promise<void>;
}
