// What keepers say when they vote, read off the simulated wires: whoever is asked twice in one term must have answered
// one candidate only, whatever it had on its disk in between (Ongaro's thesis, 3.6: election safety rests on it).

import { type ControlMessage, decodeControl, encodeControl, WireError } from '../network/wire/codec.ts';
import type { Frame, PeerName, Protocol } from '../seams/network.ts';
import { CONTROL } from '../swarm/protocols.ts';

export interface Vote {
  readonly voter: PeerName;
  /** Itself, where it stands for election. */
  readonly candidate: PeerName;
  readonly term: number;
}

const NOTHING = new Uint8Array(0);
const empty = { length: 0, lastTerm: 0, hash: '', handedOver: false, entries: [], keepers: [] };
/** By its first byte most of what passes is known to be no vote, without being decoded. */
const [CONSENSUS_BYTE] = encodeControl({
  request: 0,
  answer: false,
  body: {
    kind: 'consensus',
    value: { ...empty, kind: 'VOTED', term: 1, granted: true, signature: NOTHING },
  },
});
/** A vote is a few numbers. */
const MOST_BYTES = 64;

/** The vote that a frame from one peer to another gives or asks for, where it is about one. */
export function voteIn(from: PeerName, to: PeerName, protocol: Protocol, frame: Frame): Vote | undefined {
  const { header } = frame;
  if (protocol.id !== CONTROL.id || header.byteLength > MOST_BYTES || header[0] !== CONSENSUS_BYTE) {
    return undefined;
  }
  const body = readBody(header);
  if (body?.kind !== 'consensus') return undefined;
  const { kind, term, granted } = body.value;
  if (kind === 'VOTE') return { voter: from, candidate: from, term };
  return kind === 'VOTED' && granted ? { voter: from, candidate: to, term } : undefined;
}

function readBody(header: Uint8Array): ControlMessage['body'] | undefined {
  try {
    return decodeControl(header).body;
  } catch (error) {
    if (error instanceof WireError) return undefined; // whoever sends that is no keeper
    throw error;
  }
}
