// The Codec seam: how one replica's gradient becomes bytes, and how the bytes of a group become one update.
//
// A gradient is a stage's flat float32 array, the sum over the sender's micro-batches. It is encoded slice by slice,
// so that a slice can go to the replica that sums it (reduce-scatter) and so that long gradients leave room for other
// work. Decoding uses integer operations and IEEE arithmetic only (+ − × ÷, Math.sqrt, Math.fround), so every replica
// that decodes the same bytes in the same order holds the same sum to the bit, whatever device made the gradient.

/** Elements `from` … `to` − 1 of a stage's flat gradient. */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

/** Names a contribution's shared randomness: sender and receivers derive the same bits from it. */
export interface ContributionKey {
  readonly runSeed: number;
  readonly iteration: number;
  readonly stage: number;
  /** The sender's place in the group's order. */
  readonly place: number;
}

/**
 * What a sender remembers between iterations (what error feedback has not sent yet), one value per parameter each.
 * Encoding changes it as if the contribution will be counted. Who encodes a gradient a second time, because the first
 * exchange did not come to an end, has to do so from a copy made before.
 */
export interface EncoderState {
  readonly residuals: readonly Float32Array[];
}

export interface EncodeRequest {
  /** The whole flat gradient; only read. */
  readonly gradient: Float32Array;
  readonly slice: Slice;
  readonly key: ContributionKey;
  /** From `start`, of the gradient's length; changed in place within the slice. */
  readonly state: EncoderState;
}

export interface DecodeRequest {
  readonly bytes: Uint8Array;
  readonly slice: Slice;
  readonly key: ContributionKey;
  /** The slice's values (length to − from), to which the decoded contribution is added, rounding to float32. */
  readonly sum: Float32Array;
}

/** What holds of every codec, whether its bytes are made of a gradient or of what forward passes say of one. */
export interface Compression {
  readonly name: string;
  /** Whether the expected decoded gradient is the gradient itself. */
  readonly unbiased: boolean;
  /** Whether what one iteration did not send is added to the next one's gradient. */
  readonly errorFeedback: boolean;
  /**
   * Expected |decoded − gradient|² / |gradient|² for one contribution to that many values; 0 for an exact codec,
   * undefined where what is decoded has a length of its own.
   */
  relativeError(values: number): number | undefined;
  /** Exact bytes of a contribution to that many values. */
  encodedBytes(values: number): number;
  /**
   * Why the bytes cannot be a contribution to that slice, or undefined when they can: then every decoded value is
   * finite, whoever made the bytes.
   */
  reject(bytes: Uint8Array, slice: Slice): Rejection | undefined;
}

/** Makes bytes of a replica's gradient, slice by slice; each contribution is decoded by itself. */
export interface Codec extends Compression {
  /** Slices must start at a multiple of this, and end at one or at the gradient's end. */
  readonly sliceMultiple: number;
  relativeError(values: number): number;
  start(parameters: number): EncoderState;
  /** The slice's bytes. They may share memory with the gradient, which must then not change until they were sent. */
  encode(request: EncodeRequest): Uint8Array;
  /** Adds a contribution that `reject` lets through. */
  addDecoded(request: DecodeRequest): void;
}

export type Rejection =
  | { readonly reason: 'length'; readonly message: string }
  /** Bytes that no encoder writes. */
  | { readonly reason: 'malformed'; readonly message: string }
  /** A value is not a finite number; `element` is its place in the flat gradient where the codec can tell. */
  | { readonly reason: 'not-finite'; readonly element: number | undefined; readonly message: string };

/** Throws a RangeError when the slice is not one of a gradient of that length, cut as the codec wants it. */
export function checkSlice(codec: Codec, slice: Slice, parameters: number): void {
  const { from, to } = slice;
  const cut = (at: number) => Number.isInteger(at) && (at % codec.sliceMultiple === 0 || at === parameters);
  if (!(cut(from) && cut(to) && 0 <= from && from <= to && to <= parameters)) {
    throw new RangeError(
      `${from} to ${to} is not a slice of ${parameters} values in multiples of ${codec.sliceMultiple} (${codec.name})`,
    );
  }
}

/** The rejection of bytes whose number is not the codec's for that slice. */
export function wrongLength(codec: Compression, bytes: Uint8Array, slice: Slice): Rejection | undefined {
  const expected = codec.encodedBytes(slice.to - slice.from);
  if (bytes.length === expected) return undefined;
  const message = `${bytes.length} bytes where ${codec.name} has ${expected} for values ${slice.from} to ${slice.to}`;
  return { reason: 'length', message };
}

/** The largest finite float32. */
export const LARGEST_FLOAT = 2 ** 128 - 2 ** 104;

/** The bytes as a view for numbers, wherever they lie in memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
