// What a policy is told: the peers, what they hold or may hold, how fast they and their links are.

/** Times and limits of one iteration's work; all seconds are for a full stage and one micro-batch. */
export interface SwarmDescription {
  readonly peers: readonly PeerDescription[];
  readonly stages: number;
  /** assignment[stage] = peer indices, or undefined when the policy may choose. */
  readonly assignment: readonly (readonly number[])[] | undefined;
  /** Replicas per stage wanted when the policy chooses. */
  readonly stageSizes: readonly number[];
  readonly microbatchesPerAnchor: number;
  /** Stages a path visits, stage 0 included. */
  readonly pathLength: number;
  readonly swapBudget: number;
  readonly largestJump: number;
  readonly headAt: 'anchor' | 'last';
  readonly splitBackward: boolean;
  /** Parts per stage for interleaved and V-shaped policies. */
  readonly chunks: number;
  /** Bytes of one activation (or its gradient) of one micro-batch. */
  readonly activationBytes: number;
  /** Bytes of one stage's gradient contribution, for the exchange. */
  readonly gradientBytes: number;
  /** Bytes of a group's sum; left out: as many as a contribution's, and the exchange is a reduce-scatter. */
  readonly sumBytes?: number;
  readonly links: LinkDescription;
}

export interface PeerDescription {
  readonly name: string;
  /** Per stage: seconds of one forward of that stage on this peer. */
  readonly forwardSeconds: readonly number[];
  readonly backwardInputSeconds: readonly number[];
  readonly backwardWeightSeconds: readonly number[];
  readonly headSeconds: number;
  /** Pause between two tasks. */
  readonly gapSeconds: number;
  /** Micro-batches whose activations fit, in stage units; Infinity when unlimited. */
  readonly memoryMicrobatches: number;
}

export interface LinkDescription {
  /** latencySeconds[from][to]; for fixed transfer times, put the whole time here and Infinity below. */
  readonly latencySeconds: readonly (readonly number[])[];
  /** bytesPerSecond[from][to]. */
  readonly bytesPerSecond: readonly (readonly number[])[];
  /** Per peer; Infinity when only the pairs limit. */
  readonly uploadBytesPerSecond: readonly number[];
  readonly downloadBytesPerSecond: readonly number[];
  /** Whether concurrent flows share a peer's uplink and downlink. */
  readonly shared: boolean;
}
