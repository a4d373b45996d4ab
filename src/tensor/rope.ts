/** RoPE parameters of a model, as its checkpoint states them. */
export interface RopeConfig {
  /** Base of the geometric frequencies, > 0. */
  readonly theta: number;
  /** Leading dims of each head that rotate; even, <= D (partial rotary when smaller). */
  readonly rotaryDim: number;
  /** Llama 3.x frequency scaling; absent means plain RoPE. */
  readonly scaling?: Llama3Scaling;
}

export interface Llama3Scaling {
  readonly type: 'llama3';
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalContextLength: number;
}
