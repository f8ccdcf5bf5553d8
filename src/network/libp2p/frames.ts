// Frames on a byte stream: u32 header length, u32 payload length (big-endian), header, payload. Not protobuf around
// the payload, because a tensor must be neither copied into a message nor out of it: the writer sends prefix and
// payload as a list of arrays, the parser copies each byte once, into an array of exactly the payload's length.

import { Uint8ArrayList } from 'uint8arraylist';
import type { Frame, Protocol } from '../../seams/network.ts';

export const FRAME_PREFIX_BYTES = 8;

export type FrameLimits = Pick<Protocol, 'maxHeaderBytes' | 'maxPayloadBytes'>;

/** A frame that announces more than the protocol allows. */
export class FrameLimitError extends Error {
  override readonly name = 'FrameLimitError';
}

/** Throws a FrameLimitError that names the part which is too long. */
export function checkFrameLimits(headerBytes: number, payloadBytes: number, limits: FrameLimits): void {
  if (headerBytes > limits.maxHeaderBytes) {
    throw new FrameLimitError(
      `a header of ${headerBytes} bytes, at most ${limits.maxHeaderBytes} are allowed`,
    );
  }
  if (payloadBytes > limits.maxPayloadBytes) {
    throw new FrameLimitError(
      `a payload of ${payloadBytes} bytes, at most ${limits.maxPayloadBytes} are allowed`,
    );
  }
}

/**
 * The bytes of a frame in the fewest pieces of at most `maxPieceBytes`, all about equally long; the payload is
 * referred to, never copied. A header longer than that goes in one piece all the same.
 */
export function* framePieces(frame: Frame, maxPieceBytes: number): Generator<Uint8Array | Uint8ArrayList> {
  const { header, payload } = frame;
  const prefix = new Uint8Array(FRAME_PREFIX_BYTES + header.byteLength);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, header.byteLength);
  view.setUint32(4, payload.byteLength);
  prefix.set(header, FRAME_PREFIX_BYTES);
  const bytes = prefix.byteLength + payload.byteLength;
  const pieceBytes = Math.ceil(bytes / Math.ceil(bytes / maxPieceBytes));
  let sent = Math.min(Math.max(pieceBytes - prefix.byteLength, 0), payload.byteLength);
  yield sent === 0 ? prefix : new Uint8ArrayList(prefix, payload.subarray(0, sent));
  while (sent < payload.byteLength) {
    const end = Math.min(sent + pieceBytes, payload.byteLength);
    yield payload.subarray(sent, end);
    sent = end;
  }
}

/** What the parser is in the middle of. */
type Part = 'prefix' | 'header' | 'payload';

/**
 * Turns chunks of bytes, cut anywhere, into frames. Lengths are checked before anything of that length is allocated;
 * a payload is a fresh array, so it may be viewed as float32 without a copy.
 */
export class FrameParser {
  readonly #limits: FrameLimits;
  readonly #onFrame: (frame: Frame) => void;
  readonly #prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  #part: Part = 'prefix';
  #target: Uint8Array = this.#prefix;
  #filled = 0;
  #header = new Uint8Array(0);
  #payloadBytes = 0;

  constructor(limits: FrameLimits, onFrame: (frame: Frame) => void) {
    this.#limits = limits;
    this.#onFrame = onFrame;
  }

  /** Whether the bytes so far end in the middle of a frame. */
  get insideFrame(): boolean {
    return this.#part !== 'prefix' || this.#filled > 0;
  }

  /** Bytes held of the frame that is not whole yet. */
  get partialBytes(): number {
    return this.#part === 'payload' ? this.#header.byteLength + this.#filled : this.#filled;
  }

  /** Takes bytes in; throws a FrameLimitError, after which the parser must not be used again. */
  push(chunk: Uint8Array): void {
    let taken = 0;
    while (taken < chunk.byteLength) {
      const count = Math.min(chunk.byteLength - taken, this.#target.byteLength - this.#filled);
      const whole = count === chunk.byteLength;
      this.#target.set(whole ? chunk : chunk.subarray(taken, taken + count), this.#filled);
      taken += count;
      this.#filled += count;
      while (this.#filled === this.#target.byteLength && this.#advance()) {
        // An empty header or payload is complete at once.
      }
    }
  }

  /** Goes on to the next part of the frame; false when that part waits for its first byte in the prefix. */
  #advance(): boolean {
    switch (this.#part) {
      case 'prefix': {
        const view = new DataView(this.#prefix.buffer);
        const headerBytes = view.getUint32(0);
        this.#payloadBytes = view.getUint32(4);
        checkFrameLimits(headerBytes, this.#payloadBytes, this.#limits);
        this.#header = new Uint8Array(headerBytes);
        this.#fill('header', this.#header);
        return true;
      }
      case 'header':
        this.#fill('payload', new Uint8Array(this.#payloadBytes));
        return true;
      case 'payload': {
        const frame = { header: this.#header, payload: this.#target };
        this.#fill('prefix', this.#prefix);
        this.#onFrame(frame);
        return false;
      }
    }
  }

  #fill(part: Part, target: Uint8Array): void {
    this.#part = part;
    this.#target = target;
    this.#filled = 0;
  }
}
