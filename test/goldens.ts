/** The goldens, as test/goldens/README.md describes them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSafetensors, tensorToFloat32 } from '../src/tensor/index.ts';

const folder = new URL('./goldens/', import.meta.url);
export const goldenPath = (name: string): string => fileURLToPath(new URL(name, folder));

export interface GoldenPairSide {
  readonly text: string;
  readonly token_ids: readonly number[];
  readonly extract_position: number;
}

export interface GoldenPairs {
  readonly num_layers: number;
  readonly pairs: readonly { readonly positive: GoldenPairSide; readonly negative: GoldenPairSide }[];
}

export interface GoldenGeneration {
  readonly prompt_index: number;
  readonly question: string;
  readonly prompt_text: string;
  readonly prompt_token_ids: readonly number[];
  readonly mode: 'steered' | 'plain_no_offset_token';
  readonly c_keys: number | null;
  readonly c_values: number | null;
  readonly edited_cache_position: number | null;
  readonly first_fed_token_id: number;
  readonly output_token_ids: readonly number[];
  readonly output_text: string;
  readonly ended_with_eos: boolean;
  readonly top1_minus_top2_margin_per_token: readonly number[];
}

const json = <T>(name: string): T => JSON.parse(readFileSync(goldenPath(name), 'utf8'));

export const goldenPairs: GoldenPairs = json('pairs.json');
export const goldenGenerations: readonly GoldenGeneration[] = json('generations.json');

export function goldenTensor(file: string, name: string): Float32Array {
  const { tensors } = readSafetensors(readFileSync(goldenPath(file)), file);
  return tensorToFloat32(tensors.get(name)!);
}

/** A token whose margin over the runner-up is smaller may fall either way in another kernel's rounding. */
export const NEAR_TIE = 0.05;

/** Tokens that must agree exactly: up to the first near-tie. */
export function exactLength(generation: GoldenGeneration): number {
  const tie = generation.top1_minus_top2_margin_per_token.findIndex((margin) => margin < NEAR_TIE);
  return tie < 0 ? generation.output_token_ids.length : tie;
}
