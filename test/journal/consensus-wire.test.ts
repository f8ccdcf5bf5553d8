import { fc } from '../property.ts';
import { describe, expect, it } from 'vitest';
import type { KeeperMessage, LogEntry } from '../../src/journal/consensus/messages.ts';
import { decodeKeeperMessage, encodeKeeperMessage } from '../../src/journal/consensus/wire.ts';
import { JournalError } from '../../src/journal/entry.ts';
import { decodeControl, encodeControl, WireError } from '../../src/network/wire/codec.ts';

const bytesOf = (entry: LogEntry): Uint8Array => new TextEncoder().encode(JSON.stringify(entry));

/** As little as a reader can do; what an entry must be is tested with the journal. */
function read(bytes: Uint8Array): LogEntry {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as LogEntry;
  } catch {
    throw new JournalError('not JSON');
  }
}

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const term = fc.integer({ min: 1, max: 2_147_483_647 });
const index = fc.integer({ min: 0, max: 4_000_000_000 });
const keeper = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme-ascii' });
const signature = fc.uint8Array({ minLength: 1, maxLength: 128 });
const certificate = fc.record({
  index,
  term,
  hash,
  signatures: fc.uniqueArray(fc.record({ keeper, signature }), {
    maxLength: 15,
    selector: (one) => one.keeper,
  }),
});
const entry = fc.record({ index, term, hash, author: keeper, previous: hash });

const message: fc.Arbitrary<KeeperMessage<LogEntry>> = fc.oneof(
  fc.record({ kind: fc.constant('preVote' as const), term, lastIndex: index, lastTerm: fc.constant(1) }),
  fc.record({ kind: fc.constant('preVoted' as const), term, granted: fc.boolean() }),
  fc.record({
    kind: fc.constant('vote' as const),
    term,
    lastIndex: index,
    lastTerm: fc.constant(0),
    handedOver: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('voted' as const), term, granted: fc.boolean() }),
  fc.record({
    kind: fc.constant('append' as const),
    term,
    previousIndex: index,
    previousHash: hash,
    entries: fc.array(entry, { maxLength: 64 }),
    certificate: fc.option(certificate, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('appended' as const),
    term,
    index,
    hash,
    signature: fc.option(signature, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('refused' as const), term, index }),
  fc.record({
    kind: fc.constant('install' as const),
    term,
    base: fc.record({
      index,
      term: fc.constant(1),
      hash,
      keepers: fc.uniqueArray(keeper, { minLength: 1, maxLength: 15 }),
      certificate: fc.option(certificate, { nil: undefined }),
    }),
  }),
  fc.record({ kind: fc.constant('lead' as const), term }),
);

function toBytes(value: KeeperMessage<LogEntry>): Uint8Array {
  const body = { kind: 'consensus' as const, value: encodeKeeperMessage(value, bytesOf) };
  return encodeControl({ request: 0, answer: false, body });
}

function fromBytes(bytes: Uint8Array): KeeperMessage<LogEntry> | undefined {
  const { body } = decodeControl(bytes);
  return body.kind === 'consensus' ? decodeKeeperMessage(body.value, read) : undefined;
}

describe('what keepers say on the wire', () => {
  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(fromBytes(toBytes(value))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it('throws nothing but what says that it is no message, when its bytes were changed or cut', () => {
    const change = fc.record({
      at: fc.nat({ max: 3000 }),
      byte: fc.nat({ max: 255 }),
      keep: fc.nat({ max: 4000 }),
    });
    fc.assert(
      fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        let bytes = Uint8Array.from(toBytes(value));
        for (const { at, byte, keep } of changes) {
          if (at < bytes.length) bytes[at] = byte;
          bytes = bytes.slice(0, keep);
        }
        try {
          fromBytes(bytes);
        } catch (error) {
          if (!(error instanceof JournalError)) expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('is refused when a keeper signs twice, an index is no index, or keepers are none', () => {
    const wire = (value: KeeperMessage<LogEntry>) => encodeKeeperMessage(value, bytesOf);
    const twice = { keeper: 'a', signature: new Uint8Array(64) };
    const good = { index: 3, term: 2, hash: 'a'.repeat(64), signatures: [twice] };
    const append = {
      kind: 'append',
      term: 2,
      previousIndex: 3,
      previousHash: 'a'.repeat(64),
      entries: [],
    } as const;
    expect(() => decodeKeeperMessage(wire({ ...append, certificate: good }), read)).not.toThrow();
    const doubled = { ...good, signatures: [twice, twice] };
    expect(() => decodeKeeperMessage(wire({ ...append, certificate: doubled }), read)).toThrow(
      /two signatures/,
    );
    const { certificate: _, ...bare } = wire({ ...append, certificate: undefined });
    expect(() => decodeKeeperMessage({ ...bare, length: 2 ** 50 }, read)).toThrow(/no journal has/);
    expect(() => decodeKeeperMessage({ ...bare, term: 0 }, read)).toThrow(/term 0/);
    const base = { index: 3, term: 1, hash: 'a'.repeat(64), keepers: ['a', 'a'], certificate: undefined };
    expect(() => decodeKeeperMessage(wire({ kind: 'install', term: 2, base }), read)).toThrow(
      /sound keepers/,
    );
  });
});
