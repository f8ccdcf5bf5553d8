// Everything that reads what somebody else wrote, fed with recordings of a real run that were changed, and with
// noise: it gives a value or throws the error that it is documented to throw, and nothing else, in bounded time.

import { fc } from '../property.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { JournalError, parseEntry } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { parseCertificate } from '../../src/journal/skeleton.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import * as wire from '../../src/network/wire/codec.ts';
import { planFromJson } from '../../src/schedule/json.ts';
import { PlanError } from '../../src/schedule/errors.ts';
import { CONTROL, TENSORS, WEIGHTS } from '../../src/swarm/protocols.ts';
import { initialStage } from '../../src/swarm/weights/holder.ts';
import { formatInvite, InviteError, parseInvite } from '../../src/swarm/invite.ts';
import { ManifestError, readManifest } from '../../src/swarm/manifest.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { decodeSummary, encodeSummary } from '../../src/swarm/summary.ts';
import { Presence } from '../../src/swarm/membership/presence.ts';
import {
  decodeSnapshot,
  SnapshotError,
  snapshotIteration,
  snapshotStage,
} from '../../src/swarm/weights/snapshot.ts';
import { mutated, mutatedJson } from './mutations.ts';
import { type Recording, record } from './recording.ts';

const RUNS = 300;
/** One reading of a few kilobytes; a machine that is busy with other things takes its time. */
const MOST_MILLISECONDS = 2000;

let recording: Recording;
beforeAll(async () => {
  recording = await record();
}, 120_000);

/** Reads, and says which error it met; an error of another class fails the test. */
async function reads(work: () => unknown, allowed: new (...given: never[]) => Error): Promise<void> {
  const started = performance.now();
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(allowed);
  }
  expect(performance.now() - started).toBeLessThan(MOST_MILLISECONDS);
}

async function withBytes(
  samples: readonly Uint8Array[],
  allowed: new (...given: never[]) => Error,
  work: (bytes: Uint8Array) => unknown,
): Promise<void> {
  expect(samples.length).toBeGreaterThan(0);
  const bytes = fc.oneof({ weight: 5, arbitrary: mutated(samples) }, fc.uint8Array({ maxLength: 300 }));
  await fc.assert(
    fc.asyncProperty(bytes, (one) => reads(() => work(one), allowed)),
    { numRuns: RUNS },
  );
}

function headersOf(protocol: string): Uint8Array[] {
  return (recording.frames.get(protocol) ?? []).slice(0, 3000).map(({ header }) => header);
}

describe('changed frames of a real run', () => {
  it('on the control protocol are messages or WireErrors', () =>
    withBytes(headersOf(CONTROL.id), wire.WireError, wire.decodeControl));

  it('on the tensor protocol are headers or WireErrors', () =>
    withBytes(headersOf(TENSORS.id), wire.WireError, wire.decodeTensorHeader));

  it('on the weights protocol are requests, offers, chunks or WireErrors', async () => {
    const samples = headersOf(WEIGHTS.id);
    for (const decode of [wire.decodeWeightsRequest, wire.decodeWeightsOffer, wire.decodeChunkHeader]) {
      await withBytes(samples, wire.WireError, decode);
    }
  });
});

describe('a changed journal', () => {
  it('has lines that are entries or JournalErrors', async () => {
    const lines = recording.journal.map((line) => new TextEncoder().encode(line));
    await withBytes(lines, JournalError, (bytes) => parseEntry(new TextDecoder().decode(bytes)));
    const values = recording.journal.map((line) => JSON.parse(line) as unknown);
    await fc.assert(
      fc.asyncProperty(mutatedJson(values), (value) =>
        reads(() => parseEntry(JSON.stringify(value) ?? ''), JournalError),
      ),
      { numRuns: RUNS },
    );
  });

  it('is never opened from a disk as if it were sound, and the entry that is wrong is named', async () => {
    const identity = createSimulatedIdentity('reader');
    const changes = fc.record({
      line: fc.nat(),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      to: fc.constantFrom('0', '1', '7', 'a', 'f', '"', '}'),
    });
    await fc.assert(
      fc.asyncProperty(changes, async ({ line, at, to }) => {
        const lines = [...recording.journal];
        const index = line % lines.length;
        const old = lines[index]!;
        const place = Math.floor(at * old.length);
        if (old[place] === to) return;
        lines[index] = old.slice(0, place) + to + old.slice(place + 1);
        const store = createMemoryStore();
        await store.replaceLog('journal', lines);
        const error = await Journal.open(identity, store).then(
          () => undefined,
          (problem: unknown) => problem,
        );
        expect(error).toBeInstanceOf(JournalError);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a changed summary of a journal', () => {
  it('is a summary that a state can be made from, or a JournalError', async () => {
    const { digest } = createSimulatedIdentity('reader');
    const state = new RunState(digest);
    const samples: Uint8Array[] = [];
    for (const line of recording.journal) {
      state.apply(parseEntry(line));
      const summary = state.summary();
      if (summary !== undefined) samples.push(encodeSummary(summary));
    }
    const read = (bytes: Uint8Array) => {
      const made = RunState.from(decodeSummary(bytes), digest);
      expect(made.summaryDigest(digest)).toHaveLength(64);
    };
    await withBytes(samples, JournalError, read);
    const values = samples.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown);
    await fc.assert(
      fc.asyncProperty(mutatedJson(values), (value) =>
        reads(() => read(new TextEncoder().encode(JSON.stringify(value) ?? '')), JournalError),
      ),
      { numRuns: RUNS },
    );
  });
});

describe('what keepers keep, changed,', () => {
  it('is a certificate or a JournalError', () =>
    withBytes(
      recording.certificates.slice(-200).map((line) => new TextEncoder().encode(line)),
      JournalError,
      (bytes) => {
        const { index, term, hash, signatures } = parseCertificate(new TextDecoder().decode(bytes));
        expect(Number.isSafeInteger(index) && Number.isSafeInteger(term)).toBe(true);
        expect(typeof hash).toBe('string');
        for (const one of signatures) expect(one.signature).toBeInstanceOf(Uint8Array);
      },
    ));

  it('is the vote of a peer or a JournalError: without it the peer could vote twice', () =>
    withBytes([recording.ballot], JournalError, async (bytes) => {
      const store = createMemoryStore();
      await store.writeBlob('ballot', bytes);
      const { ballot } = await Journal.open(createSimulatedIdentity('reader'), store);
      expect(Number.isSafeInteger(ballot.term) && ballot.term >= 0).toBe(true);
      expect(typeof ballot.votedFor).toBe('string');
    }));
});

describe('changed gossip', () => {
  it('is addresses of a peer, few and short, or is not heeded', () => {
    let deliver: (from: string, data: Uint8Array) => void = () => {};
    const network = {
      publish: async () => {},
      subscribe: (_: string, handler: typeof deliver) => {
        deliver = handler;
        return () => {};
      },
    };
    const heard: (readonly string[])[] = [];
    const presence = new Presence({
      network,
      clock: { now: () => 0, schedule: () => () => {} },
      runId: recording.runId,
      describe: () => ({ name: 'p0', addresses: [], iteration: 0 }),
      members: () => ({ count: 2, withSelf: false }),
      heard: (_, addresses) => heard.push(addresses),
    });
    const said = { name: 'p1', addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/there/tcp/1'], iteration: 3 };
    const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
    deliver('p1', encode(said));
    expect(heard).toEqual([said.addresses]);
    const changed = fc.oneof(mutated([encode(said)]), mutatedJson([said]).map(encode));
    fc.assert(
      fc.property(changed, (bytes) => deliver('p1', bytes)),
      { numRuns: RUNS },
    );
    presence.stop();
    for (const addresses of heard) {
      expect(addresses.length).toBeLessThanOrEqual(16);
      for (const address of addresses) expect(address.length).toBeLessThanOrEqual(300);
    }
  });
});

describe('a changed plan', () => {
  it('is a plan or a PlanError', async () => {
    const plans = recording.journal
      .map((line) => parseEntry(line).body)
      .flatMap((body) => (body.kind === 'plan' ? [body.plan] : []));
    expect(plans.length).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutatedJson(plans), fc.jsonValue()), (json) =>
        reads(() => planFromJson(json), PlanError),
      ),
      { numRuns: RUNS },
    );
  });
});

describe('a changed manifest', () => {
  it('is refused with a ManifestError, or says the same in other bytes', async () => {
    const identity = createSimulatedIdentity('reader');
    const { manifest: bytes, runId } = recording;
    await withBytes([bytes], ManifestError, async (changed) => {
      expect((await readManifest(changed, identity, runId)).runId).toBe(runId);
    });
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    await fc.assert(
      fc.asyncProperty(mutatedJson([value]), (json) =>
        reads(async () => {
          const encoded = new TextEncoder().encode(JSON.stringify(json) ?? '');
          expect((await readManifest(encoded, identity, runId)).runId).toBe(runId);
        }, ManifestError),
      ),
      { numRuns: RUNS },
    );
  });
});

describe('a changed invite', () => {
  it('is an invite or an InviteError', async () => {
    const word = formatInvite({ runId: recording.runId, peer: 'p0', addresses: ['/memory/p0'] });
    await withBytes([new TextEncoder().encode(word)], InviteError, (bytes) =>
      parseInvite(new TextDecoder().decode(bytes)),
    );
  });
});

describe('a changed snapshot', () => {
  it('is a snapshot or a SnapshotError, and never one of another size', async () => {
    const { bytes, stage } = recording.snapshot;
    const { manifest } = await readManifest(recording.manifest, createSimulatedIdentity('reader'));
    const fresh = () => initialStage(manifest, stage);
    const parameters = fresh().weights.length;
    await withBytes([bytes], SnapshotError, (changed) => {
      const snapshot = decodeSnapshot(changed, parameters, fresh().state);
      expect(snapshot.weights).toHaveLength(parameters);
    });
    await withBytes([bytes], SnapshotError, (changed) => {
      for (const count of [snapshotIteration(changed), snapshotStage(changed)]) {
        expect(count === undefined || (Number.isSafeInteger(count) && count >= 0)).toBe(true);
      }
    });
  });
});
