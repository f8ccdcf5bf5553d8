// How activations, and their gradients, become the bytes that travel between peers. Everything here is integers and
// IEEE arithmetic, so that the same activation gives the same bytes, and the same bytes the same values, on every
// machine; a run in one process that packs and unpacks at the same places loses the same bits.

/** A tensor of `rows` rows of `width` values each, row-major. */
export interface ActivationShape {
  readonly rows: number;
  readonly width: number;
}

export interface ActivationType {
  readonly name: string;
  /** As a tensor's header names it. */
  readonly wireName: 'F32' | 'F16' | 'INT8';
  /** Exact bytes of a packed tensor. */
  packedBytes(shape: ActivationShape): number;
  /**
   * The tensor's bytes, which may share memory with the values. Values that are not finite give bytes that `unpack`
   * does not let through.
   */
  pack(values: Float32Array, shape: ActivationShape): Uint8Array;
  /**
   * The values of `packedBytes` bytes, which may share memory with them; undefined when they do not describe finite
   * values.
   */
  unpack(bytes: Uint8Array, shape: ActivationShape): Float32Array | undefined;
}
