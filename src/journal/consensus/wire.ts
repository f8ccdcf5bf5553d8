// What keepers say to each other, as wire messages and back. The bytes come from somebody else: whatever is no sound
// message is a JournalError that says why, and nothing of it reaches the state machine.

import type { ControlBody } from '../../network/wire/codec.ts';
import type { PeerName } from '../../seams/network.ts';
import { canonicalBytes } from '../canonical.ts';
import { GENESIS_PREVIOUS, JournalError } from '../entry.ts';
import {
  type Certificate,
  type KeeperMessage,
  type LogEntry,
  MAX_APPEND_ENTRIES,
  MAX_KEEPERS,
} from './messages.ts';

export type ConsensusMessage = Extract<ControlBody, { kind: 'consensus' }>['value'];
export type CertificateMessage = NonNullable<ConsensusMessage['certificate']>;

const HASH = /^[0-9a-f]{64}$/;
/** Half of what an entry can have: an election a second would take 68 years to get there. */
const MAX_TERM = 2_147_483_647;
const MAX_INDEX = 4_294_967_295;
/** An ed25519 signature has 64 bytes; other kinds of keys may need some more. */
const MAX_SIGNATURE_BYTES = 512;
const NOTHING = new Uint8Array(0);

/** What a keeper signs to say that an entry is on its disk, in a term. */
export function acknowledgement(
  runId: string,
  { term, index, hash }: { readonly term: number; readonly index: number; readonly hash: string },
): Uint8Array {
  return canonicalBytes({ purpose: 'skein keeper', runId, term, index, hash });
}

/** A certificate whose shape is sound; whose signatures these are is not checked here. Throws a JournalError. */
export function readCertificate({ index, term, hash, signatures }: CertificateMessage): Certificate {
  check(index <= MAX_INDEX && term <= MAX_TERM, 'a certificate for an entry that cannot be');
  check(HASH.test(hash), 'a certificate without a hash');
  check(signatures.length <= MAX_KEEPERS, 'a certificate with too many signatures');
  const names = new Set(signatures.map(({ keeper }) => keeper));
  check(names.size === signatures.length, 'a certificate with two signatures of one keeper');
  for (const { keeper, signature } of signatures) {
    check(
      keeper !== '' && signature.length <= MAX_SIGNATURE_BYTES,
      'a certificate with a signature that is none',
    );
  }
  return { index, term, hash, signatures };
}

/** A message in which everything but its kind is left unsaid; each kind says some of it. */
export function nothingSaid(): Omit<ConsensusMessage, 'kind'> {
  return {
    term: 0,
    length: 0,
    lastTerm: 0,
    hash: '',
    granted: false,
    handedOver: false,
    entries: [],
    signature: NOTHING,
    keepers: [],
  };
}

/** The message as it travels; `line` gives an entry's bytes. */
export function encodeKeeperMessage<E extends LogEntry>(
  message: KeeperMessage<E>,
  bytesOf: (entry: E) => Uint8Array,
): ConsensusMessage {
  const empty = nothingSaid();
  const { term } = message;
  switch (message.kind) {
    case 'preVote':
      return { ...empty, kind: 'PRE_VOTE', term, length: message.lastIndex + 1, lastTerm: message.lastTerm };
    case 'preVoted':
      return { ...empty, kind: 'PRE_VOTED', term, granted: message.granted };
    case 'vote': {
      const { lastIndex, lastTerm, handedOver } = message;
      return { ...empty, kind: 'VOTE', term, length: lastIndex + 1, lastTerm, handedOver };
    }
    case 'voted':
      return { ...empty, kind: 'VOTED', term, granted: message.granted };
    case 'append': {
      const { previousIndex, previousHash, entries, certificate } = message;
      return {
        ...empty,
        kind: 'APPEND',
        term,
        length: previousIndex + 1,
        hash: previousHash,
        entries: entries.map(bytesOf),
        ...(certificate && { certificate }),
      };
    }
    case 'appended': {
      const { index, hash, signature } = message;
      return { ...empty, kind: 'APPENDED', term, length: index + 1, hash, signature: signature ?? NOTHING };
    }
    case 'refused':
      return { ...empty, kind: 'BEHIND', term, length: message.index + 1 };
    case 'install': {
      const { index, term: lastTerm, hash, keepers, certificate } = message.base;
      return {
        ...empty,
        kind: 'INSTALL',
        term,
        length: index + 1,
        lastTerm,
        hash,
        keepers,
        ...(certificate && { certificate }),
      };
    }
    case 'lead':
      return { ...empty, kind: 'LEAD', term };
  }
}

/** The message in it; `read` makes an entry of bytes and throws where they are none. Throws a JournalError. */
export function decodeKeeperMessage<E extends LogEntry>(
  wire: ConsensusMessage,
  read: (bytes: Uint8Array) => E,
): KeeperMessage<E> {
  const { kind, term, lastTerm, granted, handedOver, hash } = wire;
  check(term > 0 && term <= MAX_TERM && lastTerm <= term, `a message of term ${term}, ${lastTerm} cannot be`);
  check(wire.length <= MAX_INDEX, `no journal has ${wire.length} entries`);
  const lastIndex = wire.length - 1;
  const certificate = wire.certificate && readCertificate(wire.certificate);
  switch (kind) {
    case 'PRE_VOTE':
      return { kind: 'preVote', term, lastIndex, lastTerm };
    case 'PRE_VOTED':
      return { kind: 'preVoted', term, granted };
    case 'VOTE':
      return { kind: 'vote', term, lastIndex, lastTerm, handedOver };
    case 'VOTED':
      return { kind: 'voted', term, granted };
    case 'APPEND': {
      check(HASH.test(hash) && (lastIndex >= 0 || hash === GENESIS_PREVIOUS), 'no hash of the entry before');
      check(wire.entries.length <= MAX_APPEND_ENTRIES, `${wire.entries.length} entries in one message`);
      const entries = wire.entries.map(read);
      return { kind: 'append', term, previousIndex: lastIndex, previousHash: hash, entries, certificate };
    }
    case 'APPENDED': {
      check(HASH.test(hash) && wire.signature.length <= MAX_SIGNATURE_BYTES, 'an acknowledgement of nothing');
      const signature = wire.signature.length > 0 ? wire.signature : undefined;
      return { kind: 'appended', term, index: lastIndex, hash, signature };
    }
    case 'BEHIND':
      return { kind: 'refused', term, index: lastIndex };
    case 'INSTALL':
      check(HASH.test(hash) && lastIndex >= 0, 'a journal cut off nowhere');
      check(areKeepers(wire.keepers), 'a journal without sound keepers');
      return {
        kind: 'install',
        term,
        base: { index: lastIndex, term: lastTerm, hash, keepers: wire.keepers, certificate },
      };
    case 'LEAD':
      return { kind: 'lead', term };
    default:
      throw new JournalError(`a message of kind ${String(kind)}, which keepers do not know`);
  }
}

/** Keepers: at least one, none twice, not too many. */
export function areKeepers(keepers: readonly PeerName[]): boolean {
  return keepers.length > 0 && keepers.length <= MAX_KEEPERS && new Set(keepers).size === keepers.length;
}

function check(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new JournalError(`from a keeper: ${problem}`);
}
