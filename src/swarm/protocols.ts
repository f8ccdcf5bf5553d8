// The three things peers say to each other, and what they may cost before anything is allocated.

import { SMALL_EXCHANGE_BYTES } from '../gradient/index.ts';
import {
  MAX_CHUNK_HEADER_BYTES,
  MAX_CONTROL_BYTES,
  MAX_TENSOR_HEADER_BYTES,
  MAX_WEIGHTS_OFFER_BYTES,
} from '../network/wire/codec.ts';
import type { Protocol } from '../seams/network.ts';

/** Largest tensor of one frame; activations of 64 samples × 1024 tokens × width 1024 still fit. */
const MAX_TENSOR_BYTES = 256 * 1024 * 1024;
/** Snapshots travel in pieces of this size, or smaller ones. */
export const WEIGHT_CHUNK_BYTES = 1024 * 1024;

/** From which sizes on weights, gradients and the journal travel in parts: the same for all peers of a run. */
export interface PartSizes {
  /** At most `WEIGHT_CHUNK_BYTES`. */
  readonly weightChunkBytes: number;
  /** See `sharingOf`. */
  readonly smallExchangeBytes: number;
  /** Entries of a journal in one answer; fewer where they are long. */
  readonly journalAnswerEntries: number;
}

export const PART_SIZES: PartSizes = {
  weightChunkBytes: WEIGHT_CHUNK_BYTES,
  smallExchangeBytes: SMALL_EXCHANGE_BYTES,
  journalAnswerEntries: 500,
};

export const CONTROL: Protocol = {
  id: '/skein/control/1.0.0',
  traffic: 'control',
  maxHeaderBytes: MAX_CONTROL_BYTES,
  maxPayloadBytes: 0,
  maxInboundStreams: 8,
};

export const TENSORS: Protocol = {
  id: '/skein/tensors/1.0.0',
  traffic: 'bulk',
  maxHeaderBytes: MAX_TENSOR_HEADER_BYTES,
  maxPayloadBytes: MAX_TENSOR_BYTES,
  maxInboundStreams: 8,
};

export const WEIGHTS: Protocol = {
  id: '/skein/weights/1.0.0',
  traffic: 'bulk',
  maxHeaderBytes: Math.max(MAX_CHUNK_HEADER_BYTES, MAX_WEIGHTS_OFFER_BYTES),
  maxPayloadBytes: WEIGHT_CHUNK_BYTES,
  maxInboundStreams: 8,
};
