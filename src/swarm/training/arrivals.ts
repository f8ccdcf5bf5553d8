// Tensors may overtake the plan or the order that they belong to, on a connection of their own: an early one waits
// here, and holds its sender back, until it can be taken or is out of date.

import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { PeerName } from '../../seams/network.ts';
import type { RunState } from '../run-state.ts';

/** What became of a tensor; an `early` one belongs to a plan or an order that is not known here yet. */
export type Taken =
  | { readonly kind: 'taken' | 'early' }
  | { readonly kind: 'wrong'; readonly problem: string };

/** Whether a tensor belongs to an iteration that was committed, or to an attempt that another one has replaced. */
export function isLate(
  { iteration, attempt }: Pick<TensorHeaderMessage, 'iteration' | 'attempt'>,
  state: Pick<RunState, 'iteration' | 'plan'>,
): boolean {
  if (iteration <= state.iteration) return true;
  const { plan } = state;
  return plan !== undefined && compareOrder([iteration, attempt], [plan.iteration, plan.attempt]) < 0;
}

export interface ArrivalsParts {
  /** Whether nobody waits for it any more; then it must not hold up those behind it. */
  readonly late: (header: TensorHeaderMessage) => boolean;
  readonly take: (from: PeerName, header: TensorHeaderMessage, payload: Uint8Array) => Taken;
}

export class Arrivals {
  readonly #parts: ArrivalsParts;
  readonly #waiting: (() => void)[] = [];
  #stopped = false;
  /** Bytes of the tensors that wait here. */
  keptBytes = 0;

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
  }

  /** Takes no more; those that wait are let go. */
  stop(): void {
    this.#stopped = true;
    this.changed();
  }

  /** A plan, an order or a commit has come: those that wait are tried again. */
  changed(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Takes a tensor as soon as it can be; returns why it cannot belong here, or undefined. */
  async tensor(
    from: PeerName,
    header: TensorHeaderMessage,
    payload: Uint8Array,
  ): Promise<string | undefined> {
    while (!this.#stopped && !this.#parts.late(header)) {
      const taken = this.#parts.take(from, header, payload);
      if (taken.kind === 'wrong') return taken.problem;
      if (taken.kind === 'taken') return undefined;
      this.keptBytes += payload.byteLength;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.keptBytes -= payload.byteLength;
    }
    return undefined;
  }
}

/** Negative when `a` comes before `b`: by the first numbers in which they differ, as iteration, attempt and round. */
export function compareOrder(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
