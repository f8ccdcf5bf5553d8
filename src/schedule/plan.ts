// A plan: who holds what, and the ordered tasks of every peer for one iteration. Plain data; every policy makes
// one, the timeline predicts it, the live executor follows it.

export type TaskKind =
  | 'forward'
  | 'backward'
  | 'backward-input'
  | 'backward-weight'
  | 'head'
  | 'exchange'
  | 'update'
  | 'recompute';

/** An edge into a task: it waits for `task` and for `bytes` to travel from that task's peer to its own. */
export interface Dependency {
  readonly task: number;
  readonly bytes: number;
}

export interface Task {
  readonly peer: number;
  readonly kind: TaskKind;
  readonly stage: number;
  /**
   * Which part of the stage, where a policy splits stages (0 otherwise). For `exchange`: 0 when the peer's own
   * gradient is complete and leaves, whole or in shards, 1 (only after shards) when it has summed its shard and the sum
   * leaves.
   */
  readonly chunk: number;
  /** Unique in the plan; -1 for tasks that belong to none. */
  readonly microbatch: number;
  /** Modelled duration. */
  readonly seconds: number;
  readonly waitsFor: readonly Dependency[];
  /** Activation memory taken when the task starts, in stage units (a full stage's residuals of one micro-batch = 1). */
  readonly takes: number;
  /** Activation memory given back when the task ends. */
  readonly gives: number;
}

/** One stop of a path: the stage (chunk) and the peer that computes it. */
export interface PathNode {
  readonly stage: number;
  readonly chunk: number;
  readonly peer: number;
}

/** Where a micro-batch goes forward; backward, if there is one, retraces it. `nodes[0]` is the anchor. */
export interface Path {
  readonly microbatch: number;
  readonly nodes: readonly PathNode[];
}

/**
 * How each peer picks its next task: a fixed list of task indices, or the ready task of smallest priority value
 * (equal values: the one that was ready first, then the one of smaller index).
 */
export type Order =
  | { readonly kind: 'fixed'; readonly tasks: readonly (readonly number[])[] }
  | { readonly kind: 'priority'; readonly values: readonly number[] };

export interface Plan {
  readonly policy: string;
  /** Names, in index order. */
  readonly peers: readonly string[];
  readonly stages: number;
  /** assignment[stage] = peer indices; the order within a stage is the group's order. */
  readonly assignment: readonly (readonly number[])[];
  readonly headAt: 'anchor' | 'last';
  /** Whether backward is two tasks, `backward-input` and `backward-weight`. */
  readonly splitBackward: boolean;
  /** There is no backward: see forward-only.ts. Left out where there is one. */
  readonly forwardOnly?: true;
  /** Parts per stage; 1 where stages are whole. */
  readonly chunks: number;
  /** Bytes of one activation or its gradient: what travels along a path. */
  readonly activationBytes: number;
  /** Bytes of one stage's gradient contribution, for the exchange in its group. */
  readonly gradientBytes: number;
  /** Bytes of a group's sum; left out: as many as a contribution's, and the exchange is a reduce-scatter. */
  readonly sumBytes?: number;
  readonly paths: readonly Path[];
  readonly tasks: readonly Task[];
  readonly order: Order;
  /** Most activation memory a peer may hold at once, in stage units; Infinity where unlimited. */
  readonly memoryLimits: readonly number[];
}
