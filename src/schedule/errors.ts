// What can go wrong with a description or a plan, as types.

/** One peer that cannot go on, and what it waits for. */
export type Wait =
  | {
      readonly peer: number;
      readonly task: number;
      readonly for: 'task';
      readonly of: number;
      readonly at: number;
    }
  | {
      readonly peer: number;
      readonly task: number;
      readonly for: 'transfer';
      readonly of: number;
      readonly at: number;
    }
  | {
      readonly peer: number;
      readonly task: number;
      readonly for: 'memory';
      readonly held: number;
      readonly limit: number;
    }
  | { readonly peer: number; readonly task: number; readonly for: 'order' };

/** A policy was asked for something that cannot be: names the field of the description. */
export class DescriptionError extends Error {
  override readonly name = 'DescriptionError';
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** A plan that is not a plan (wrong index, task twice in an order, malformed JSON): names where. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
  readonly where: string;
  constructor(where: string, message: string) {
    super(`${where}: ${message}`);
    this.where = where;
  }
}

/** The plan cannot go on: `waits` has an entry for every peer with work left. */
export class StallError extends Error {
  override readonly name = 'StallError';
  readonly waits: readonly Wait[];
  /** Tasks that were never started. */
  readonly tasksLeft: number;
  constructor(message: string, waits: readonly Wait[], tasksLeft: number) {
    super(message);
    this.waits = waits;
    this.tasksLeft = tasksLeft;
  }
}
