// What a scenario file says, once read: plain data with defaults filled in, units resolved, and files that it names
// read. docs/scenario-format.md describes the file for people.

import type { ModelShape } from '../seams/shapes.ts';

/** The names of family members that exist; a scenario that names another is refused with this list. */
export interface KnownNames {
  readonly policies: readonly string[];
  readonly codecs: readonly string[];
  readonly activations: readonly string[];
  readonly recovery: readonly string[];
}

export interface ModelSettings {
  readonly preset: string | undefined;
  /** Transformer blocks in all stages together. */
  readonly layers: number;
  /** Blocks held by stage 0; undefined when the blocks are spread evenly over all stages. */
  readonly anchorLayers: number | undefined;
  readonly shape: ModelShape;
}

export interface TrainingSettings {
  /** Stage 0 included. */
  readonly stages: number;
  /** Replicas per stage; undefined when as equal as possible. */
  readonly stageSizes: readonly number[] | undefined;
  readonly microbatchesPerAnchor: number;
  readonly samplesPerMicrobatch: number;
  readonly skipRatio: number;
  readonly swapBudget: number;
  readonly largestJump: number;
  /** Stages a path may leave out beyond its plan when peers fail. */
  readonly emergencySkips: number;
  readonly headAt: 'anchor' | 'last';
  readonly splitBackward: boolean;
  /** Parts per stage for interleaved and V-shaped policies. */
  readonly chunks: number;
  readonly policy: string;
  readonly codec: string;
  /** one-byte only, as are the next three: random directions a sample and iteration. */
  readonly directions: number;
  /** How far weights are moved along a direction, the ε of θ ± εz. */
  readonly perturbation: number;
  /** Whether an iteration's estimate is divided by the standard deviation of its loss differences. */
  readonly normalizeSteps: boolean;
  /** What has a direction, and a byte, of its own. */
  readonly directionFor: 'sample' | 'microbatch';
  readonly activations: string;
  readonly recovery: string;
  readonly optimizer: 'adamw' | 'sgd';
  /** The peak of the schedule. */
  readonly learningRate: number;
  /** Iterations over which the rate climbs to its peak. */
  readonly warmupIterations: number;
  /** How the rate falls from there to the last iteration. */
  readonly decay: 'none' | 'linear' | 'cosine';
  /** The rate at the end of a decay, as a share of the peak. */
  readonly endShare: number;
  /** adamw only, as is epsilon. */
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
  /** sgd only. */
  readonly momentum: number;
  /** Largest global gradient norm; 0 when unlimited. */
  readonly clip: number;
  readonly iterations: number;
  /** Iterations between two losses on the held-out text; 0 for never. */
  readonly evalEvery: number;
  /** The text is a list of records of context + 1 bytes, of which the last so many are to be predicted; undefined for plain text. */
  readonly labelTokens?: number | undefined;
  /** So many records in a row are drawn together. */
  readonly recordsTogether?: number | undefined;
  /** Text files to train on; undefined for the default text. */
  readonly data: readonly string[] | undefined;
}

/** What `skein found` starts a run from: the same fields of a scenario file. */
export interface Manifest {
  readonly name: string;
  readonly seed: number;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
}

/** One peer, expanded from its group. */
export interface ScenarioPeer {
  readonly name: string;
  readonly region: string | undefined;
  readonly device: DeviceSettings | undefined;
  /** The stage it must hold; undefined when the assignment decides. */
  readonly stage: number | undefined;
  /** Infinity when unlimited. */
  readonly memoryMicrobatches: number;
  /** Infinity when unlimited. */
  readonly memoryBytes: number;
  /** Infinity when only the pairs' bandwidth limits. */
  readonly uploadBytesPerSecond: number;
  readonly downloadBytesPerSecond: number;
}

export interface DeviceSettings {
  readonly name: string;
  /** Peak times efficiency: what a stage's arithmetic gets. */
  readonly flopsPerSecond: number;
}

/** Latency and bandwidth between regions. */
export interface LinkTable {
  readonly regions: readonly string[];
  /** latencySeconds[a][b], one way, over `regions`. */
  readonly latencySeconds: readonly (readonly number[])[];
  readonly bytesPerSecond: readonly (readonly number[])[];
  /** Whether concurrent flows share a peer's uplink and downlink. */
  readonly shared: boolean;
}

export type Churn =
  | {
      readonly kind: 'rates';
      /** Per peer and hour. */
      readonly crashesPerHour: number;
      /** Joins per hour, as a share of the peers at the start. */
      readonly joinsPerHour: number;
      /** How long a crashed peer stays away; undefined when it never comes back. */
      readonly rejoinSeconds: number | undefined;
    }
  | { readonly kind: 'trace'; readonly events: readonly ChurnEvent[] };

export interface ChurnEvent {
  readonly at: number;
  readonly target: { readonly peer: string } | { readonly stage: number };
  readonly event: 'join' | 'leave' | 'crash';
}

/** One number for all, or a value per stage, or per peer. */
export type Cost =
  | { readonly per: 'all'; readonly seconds: number }
  | { readonly per: 'stage'; readonly seconds: readonly number[] }
  | { readonly per: 'peer'; readonly seconds: readonly number[] };

/** Seconds given directly, for one full stage and one micro-batch. */
export interface Costs {
  readonly forwardSeconds: Cost;
  readonly backwardInputSeconds: Cost;
  readonly backwardWeightSeconds: Cost;
  readonly headSeconds: Cost;
  readonly gapSeconds: Cost;
  /** One number for every pair of different peers, or [from][to] over the peers. */
  readonly transferSeconds: number | readonly (readonly number[])[];
  readonly shareLinks: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly seed: number;
  readonly model: ModelSettings | undefined;
  readonly training: TrainingSettings;
  readonly peers: readonly ScenarioPeer[];
  readonly links: LinkTable | undefined;
  readonly churn: Churn | undefined;
  readonly costs: Costs | undefined;
  /** assignment[stage] = peer indices: given, or completed around peers with a fixed stage; undefined when free. */
  readonly assignment: readonly (readonly number[])[] | undefined;
  /** Replicas per stage: as given, as the assignment has them, or as equal as possible, stage 0 first. */
  readonly stageSizes: readonly number[];
}
