// Buffers for residuals, used again and again: micro-batches of one stage all keep tensors of the same few shapes, and
// fresh memory from the system costs a page fault every 4 KB (some 3 % of a forward and backward).

import type { Tensor } from 'onnxruntime-node';
import type { Shape } from '../../model/operations.ts';
import type { OnnxRuntime } from './runtime.ts';

export class TensorPool {
  readonly #runtime: OnnxRuntime;
  readonly #free = new Map<string, Tensor[]>();
  /** Tensors that came from here; others (a call's own input) are not taken back. */
  readonly #own = new WeakSet<Tensor>();

  constructor(runtime: OnnxRuntime) {
    this.#runtime = runtime;
  }

  /** A float32 tensor of the shape, with whatever values its last user left. */
  take(shape: Shape): Tensor {
    const free = this.#free.get(`${shape}`)?.pop();
    if (free !== undefined) return free;
    const length = shape.reduce((product, size) => product * size, 1);
    const tensor = new this.#runtime.Tensor('float32', new Float32Array(length), shape);
    this.#own.add(tensor);
    return tensor;
  }

  /** Takes a tensor back; nobody may use it any more. */
  giveBack(tensor: Tensor): void {
    if (!this.#own.has(tensor)) return;
    const key = `${tensor.dims}`;
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [tensor]);
    else free.push(tensor);
  }
}
