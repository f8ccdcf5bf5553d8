// Gradient codecs: gradients to bytes, and the bytes of a group to one update.

export type {
  Codec,
  Compression,
  ContributionKey,
  DecodeRequest,
  EncodeRequest,
  EncoderState,
  Rejection,
  Slice,
} from './codec.ts';
export { eden } from './eden.ts';
export { type CodecName, codecs, DEFAULT_CODEC, exchangeBytesWith } from './registry.ts';
export { ownersOf, piecesOf } from './pieces.ts';
export { type ForwardCodec, gatherProbes, ONE_BYTE, oneByte } from './one-byte.ts';
export {
  MOST_DIRECTIONS,
  MOST_SAMPLES,
  NOT_FINITE,
  type Probe,
  type ProbeStep,
  probeStream,
  writeEstimate,
} from './probes.ts';
export { shards } from './shards.ts';
export {
  type ExchangeBytes,
  exchangeBytesOf,
  SMALL_EXCHANGE_BYTES,
  type Sharing,
  sharingOf,
} from './sharing.ts';
export {
  type Contribution,
  type GroupSum,
  type LeftOut,
  type SumRequest,
  sumContributions,
} from './sum.ts';
