// A peer that comes late to a long run: it begins with a summary that the keepers have certified, and reads no more than
// what came since.

import { describe, expect, it } from 'vitest';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import { acknowledgement } from '../../src/journal/consensus/wire.ts';
import { type CommitBody, type EntryBody, parseEntry } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { makeEntries } from '../../src/journal/making.ts';
import { type JournalStart, parseCertificate } from '../../src/journal/skeleton.ts';
import { storedStart } from '../../src/journal/stored.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { decodeControl } from '../../src/network/wire/codec.ts';
import { type Audit, type AuditParts, audit } from '../../src/replay/audit.ts';
import { mostKeepers } from '../../src/replay/faulting.ts';
import { Invariants } from '../../src/replay/invariants.ts';
import { type SimulatedPeerEvent, Simulation } from '../../src/replay/simulation.ts';
import type { FrameStream, Network } from '../../src/seams/network.ts';
import { readManifest } from '../../src/swarm/manifest.ts';
import type { Member } from '../../src/swarm/members.ts';
import { CONTROL } from '../../src/swarm/protocols.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { decodeSummary, encodeSummary, type RunSummary } from '../../src/swarm/summary.ts';
import { CountingEngine } from './seeds/counting-engine.ts';
import { scenarioOf } from './seeds/scenario.ts';

const device = { efficiency: 1, memoryBytesPerSecond: 1e9, memoryBytes: 1e9 };
const EVERY = 8;

interface LateRun {
  readonly comesAfter: number;
  readonly iterations: number;
  /** The newcomer crashes when so many are committed, and is started again a moment later. */
  readonly crashesAfter?: number;
  /** Most keepers are killed for good when so many are committed. */
  readonly keepersLostAfter?: number;
}

/** A network that tells of what it sends to the newcomer. */
function watched(network: Network, sent: (header: Uint8Array) => void): Network {
  const watching = (stream: FrameStream): FrameStream =>
    stream.remote !== 'late'
      ? stream
      : proxied(stream, {
          send: (frame, signal) => {
            sent(frame.header);
            return stream.send(frame, signal);
          },
        });
  return proxied(network, {
    open: async (peer, protocol, signal) => {
      const stream = await network.open(peer, protocol, signal);
      return protocol.id === CONTROL.id ? watching(stream) : stream;
    },
    handle: (protocol, handler) =>
      network.handle(protocol, (stream) => handler(protocol.id === CONTROL.id ? watching(stream) : stream)),
  });
}

function proxied<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(same, name) {
      const own = methods[name as keyof T] ?? same[name as keyof T];
      return typeof own === 'function' ? own.bind(same) : own;
    },
  });
}

/** A swarm without faults to which one more peer comes when so many iterations are committed. */
async function lateRun({ comesAfter, iterations, crashesAfter, keepersLostAfter }: LateRun) {
  const scenario = scenarioOf(7, []);
  const { manifest } = scenario;
  const training = { ...manifest.training, iterations, codec: 'dense-f32', policy: '1f1b' } as const;
  let answerBytes = 0;
  let journalBytes = 0;
  const simulation: Simulation = new Simulation({
    ...scenario,
    manifest: { ...manifest, training },
    peers: [...scenario.peers, { name: 'late', stage: 1, hasText: true, isLate: true }],
    summaryEvery: EVERY,
    engine: async (_, processor) =>
      new CountingEngine(processor, { ...device, flopsPerSecond: scenario.flopsPerSecond }),
    network: (_, network) =>
      watched(network, (header) => {
        const { answer, body } = decodeControl(header);
        if (answer && body.kind === 'entries') answerBytes += header.length;
      }),
    script: (event) => {
      invariants.observe(event);
      if (event.of !== 'p0' || event.kind !== 'commit') return;
      if (event.commit.iteration === crashesAfter) {
        simulation.crash('late');
        simulation.world.after(0.2, '', () => void simulation.start('late'));
      }
      if (event.commit.iteration === keepersLostAfter) {
        const lost = mostKeepers(simulation.peer('p0'), () => true);
        expect(lost).toContain('p0');
        for (const peer of lost) simulation.crash(peer);
      }
      if (event.commit.iteration !== comesAfter) return;
      void simulation
        .store('p0')!
        .readLog('journal')
        .then((lines) => {
          journalBytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
        });
      void simulation.start('late');
    },
  });
  const invariants: Invariants = new Invariants(simulation, {});
  await simulation.run(2000);
  invariants.atEnd();
  const told = (kind: SimulatedPeerEvent['kind'], of = 'late') =>
    simulation.events.filter((event) => event.of === of && event.kind === kind);
  return { simulation, told, answerBytes, journalBytes };
}

const decoded = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What stands for the beginning of the newcomer's journal. */
async function startOf(simulation: Simulation): Promise<JournalStart> {
  return (await storedStart(simulation.store('late')!))!;
}

/** What lies in the newcomer's folder, for an auditor. */
async function folderOf(simulation: Simulation): Promise<AuditParts> {
  const [store, identity] = [simulation.store('late')!, createSimulatedIdentity('an auditor')];
  const lines = await store.readLog('journal');
  return {
    journal: lines.map((line) => `${line}\n`).join(''),
    certificates: (await store.readLog('certificates')).map(parseCertificate),
    signed: await readManifest((await store.readBlob('manifest'))!, identity),
    identity,
    clock: simulation.world.clockOf('an auditor'),
    start: await startOf(simulation),
  };
}

/** What somebody finds who has that and trusts nobody. */
async function audited(parts: AuditParts): Promise<Audit> {
  const steps = audit(parts);
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The folder as somebody would write it who wants to be taken for the leader: the state before the first commit is
 * another, she has written that commit and what comes after it, and what certificates she likes.
 */
async function usurped(
  folder: AuditParts,
  after: EntryBody,
  signers: readonly string[],
): Promise<AuditParts> {
  const { start, signed, identity, journal } = folder;
  const eve = createSimulatedIdentity('eve');
  const theirs = decodeSummary(start!.summary);
  const member: Member = { ...theirs.members[0]!, peer: 'eve', name: 'eve' };
  const state: RunSummary = { ...theirs, leader: 'eve', members: [...theirs.members, member] };
  const summary = RunState.from(state).summaryDigest(identity.digest)!;
  const [first] = journal.split('\n').map((line) => (line === '' ? undefined : parseEntry(line)));
  const commit = { ...(first!.body as CommitBody), summary };
  const entries = await makeEntries(eve, [commit, after], state.term, start!);
  const { index, term, hash } = entries[1]!;
  const said = acknowledgement(signed.runId, { index, term, hash });
  const signatures: Certificate['signatures'][number][] = [];
  for (const keeper of signers) {
    // those whom she is not have not signed: what they have signed is of another entry
    const signature = await createSimulatedIdentity(keeper).sign(keeper === 'eve' ? said : said.slice(1));
    signatures.push({ keeper, signature });
  }
  return {
    ...folder,
    journal: entries.map((entry) => `${Journal.line(entry)}\n`).join(''),
    certificates: signers.length === 0 ? [] : [{ index, term, hash, signatures }],
    start: { ...start!, term: state.term, summary: encodeSummary(state) },
  };
}

describe('a peer that comes late to a run', () => {
  it('begins with a certified summary, counts, and has what the others have, also when it comes again', async () => {
    const { simulation, told } = await lateRun({ comesAfter: 21, iterations: 40, crashesAfter: 26 });
    expect(told('summary')).toMatchObject([{ from: 'p0', iteration: 15 }]);
    const [taken] = told('commit');
    expect(taken).toMatchObject({ commit: { iteration: 16 } });
    expect(told('active').some((event) => 'peer' in event && event.peer === 'late')).toBe(true);
    expect(told('ended')).toMatchObject([{ iteration: 40, divergences: 0 }]);
    const [late, founder] = [simulation.peer('late')!, simulation.peer('p0')!];
    expect(late.journal.at(late.journal.length - 1)).toEqual(founder.journal.at(founder.journal.length - 1));
    expect(late.journal.at(10)).toBeUndefined();
    expect(late.state.everyone()).toEqual(founder.state.everyone());
    const replica = simulation.peer(late.state.group(late.holding!.stage)[0]!.peer)!;
    expect(late.weights()).toEqual(replica.weights());

    const { first, length } = late.journal;
    const folder = await folderOf(simulation);
    const result = await audited(folder);
    expect(result).toMatchObject({ verified: true, entries: length - first, iterations: 25, ended: true });
    expect(result).toMatchObject({ certified: length - first, plans: { recomputed: 24 } });
    expect(result.summary).toMatchObject({ entry: first, iteration: 15 });
    expect(result.summary!.certifiedBy.length).toBeGreaterThan(1);
    const { summary, skeleton, keepers } = folder.start!;
    const forgeries: Partial<JournalStart>[] = [
      { summary: encoded(decoded(summary).replace('"status":"active"', '"status":"gone"')) },
      { skeleton: { ...skeleton, certificates: skeleton.certificates.slice(1) } },
      { hash: '1'.repeat(64) },
    ];
    for (const forgery of forgeries) {
      const changed = { ...folder, start: { ...folder.start!, ...forgery } };
      expect(await audited(changed)).toMatchObject({ verified: false, firstBadEntry: first });
    }

    const plan = parseEntry(folder.journal.split('\n')[1]!).body;
    const usurpations: [EntryBody, readonly string[], RegExp][] = [
      [plan, [], /no certificate is here/],
      [plan, ['eve'], /not of a majority/],
      [plan, keepers.slice(0, 1), /not of a majority/],
      [plan, keepers, /not signed by/],
      [{ kind: 'keepers', keepers: ['eve'] }, ['eve'], /have not certified it/],
    ];
    for (const [after, signers, problem] of usurpations) {
      const forged = await audited(await usurped(folder, after, signers));
      expect(forged).toMatchObject({ verified: false, problem: expect.stringMatching(problem) });
    }
  });

  it('founds the run again with the others when most keepers are gone, and again has what they have', async () => {
    const { simulation, told } = await lateRun({ comesAfter: 21, iterations: 40, keepersLostAfter: 29 });
    expect(told('summary')).toHaveLength(1);
    expect(told('refounded')).toHaveLength(1);
    expect(told('ended')).toMatchObject([{ iteration: 40, divergences: 0 }]);
    const ended = [...simulation.ends].filter(([, { how }]) => how === 'ended').map(([name]) => name);
    const histories = ended.map((name) => {
      const { journal, state } = simulation.peer(name)!;
      return { end: journal.at(journal.length - 1)?.hash, name: state.runName, members: state.everyone() };
    });
    expect(histories.length).toBeGreaterThan(2);
    for (const history of histories) expect(history).toEqual(histories[0]);
    expect(simulation.peer('late')!.journal.first).toBeGreaterThan(0);
  });

  it('reads less than the whole journal, and no more of it when the run is three times as long', async () => {
    const short = await lateRun({ comesAfter: 21, iterations: 24 });
    const long = await lateRun({ comesAfter: 69, iterations: 72 });
    expect(long.journalBytes).toBeGreaterThan(2.5 * short.journalBytes);
    expect(short.answerBytes).toBeLessThan(short.journalBytes / 2);
    expect(long.answerBytes).toBeLessThan(1.05 * short.answerBytes);
  });
});
