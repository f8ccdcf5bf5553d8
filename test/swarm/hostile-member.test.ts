// A member that means harm in a simulated swarm and is no keeper of the journal: what it says in a keeper's place moves
// no term, gets no signature and orders nothing; it is named where no delay of anybody's explains what it said.

import { describe, expect, it } from 'vitest';
import { canonicalBytes, type Json, toHex } from '../../src/journal/canonical.ts';
import type { Certificate } from '../../src/journal/consensus/messages.ts';
import { acknowledgement, type ConsensusMessage, nothingSaid } from '../../src/journal/consensus/wire.ts';
import { parseEntry } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { refoundingAgreement } from '../../src/journal/refounding.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { type ControlBody, decodeControl, encodeControl } from '../../src/network/wire/codec.ts';
import { Invariants } from '../../src/replay/invariants.ts';
import { Simulation, type SimulatedPeerEvent } from '../../src/replay/simulation.ts';
import { CONTROL, TENSORS } from '../../src/swarm/protocols.ts';
import { overhearing } from '../fuzz/recording.ts';
import { CountingEngine } from './seeds/counting-engine.ts';
import { device, scenario } from './hostile-run.ts';
import { smallSimulation } from './small-run.ts';

const NOTHING = new Uint8Array(0);
const { training } = scenario.manifest;
/** Of six peers five keep the journal, p0 leads, and this is the sixth, which was a keeper for a moment at first. */
const HOSTILE = 'p4';
const identity = createSimulatedIdentity(HOSTILE);

interface Played {
  readonly simulation: Simulation;
  readonly named: readonly string[];
  readonly commits: readonly string[];
  /** Hashes that keepers have signed for, by peer. */
  readonly signed: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A run; `play` sees every event of it. */
async function played(play: (event: SimulatedPeerEvent, simulation: Simulation) => void): Promise<Played> {
  const named: string[] = [];
  const commits = new Map<number, string>();
  const signed = new Map<string, Set<string>>();
  const simulation: Simulation = new Simulation({
    ...scenario,
    faults: { seed: 7, faults: [] },
    engine: async (_, processor) => new CountingEngine(processor, device),
    network: (peer, network) =>
      overhearing(network, ({ id }, { header }) => {
        if (id !== CONTROL.id) return undefined;
        const { body } = decodeControl(header);
        if (body.kind !== 'consensus' || body.value.signature.length === 0) return undefined;
        signed.set(peer, (signed.get(peer) ?? new Set()).add(body.value.hash));
        return undefined;
      }),
    script: (event) => {
      invariants.observe(event);
      if (event.kind === 'misbehaved' && event.peer === HOSTILE) named.push(event.problem);
      if (event.kind === 'commit') {
        const { loss, stages, iteration } = event.commit;
        commits.set(iteration, JSON.stringify({ loss, stages }));
      }
      play(event, simulation);
    },
  });
  const invariants = new Invariants(simulation, { hostile: new Set([HOSTILE]) });
  await simulation.run(600);
  invariants.atEnd();
  return { simulation, named, commits: [...commits.values()], signed };
}

const said = (kind: ConsensusMessage['kind'], value: Partial<ConsensusMessage>): ControlBody => ({
  kind: 'consensus',
  value: { ...nothingSaid(), ...value, kind },
});

async function say(simulation: Simulation, to: string, ...bodies: readonly ControlBody[]): Promise<void> {
  const line = await simulation.network(HOSTILE)!.open(to, CONTROL);
  for (const body of bodies) {
    await line.send({ header: encodeControl({ request: 0, answer: false, body }), payload: NOTHING });
  }
}

/** Where the journal stands, as the attacker knows it. */
function placeIn(simulation: Simulation) {
  const { journal, state } = simulation.peer(HOSTILE)!;
  const { term, hash } = journal.at(journal.length - 1)!;
  return { index: journal.length, term, previous: hash, keepers: state.keepers };
}

/** An entry of the attacker's, signed by it. */
async function forged(place: { index: number; term: number; previous: string }, body: object) {
  const { index, term, previous } = place;
  const unsigned = { index, term, previous, author: HOSTILE, body };
  const digest = identity.digest(canonicalBytes(unsigned as unknown as Json));
  const hash = toHex(digest);
  const signature = toHex(await identity.sign(digest));
  const line = Journal.line(parseEntry(JSON.stringify({ ...unsigned, hash, signature })));
  return { hash, line: new TextEncoder().encode(line) };
}

/** One entry and its certificate, both of the attacker's making. */
async function certified(simulation: Simulation, term: number, body: object): Promise<ControlBody> {
  const { index, previous } = placeIn(simulation);
  const { hash, line } = await forged({ index, term, previous }, body);
  const { runId } = simulation.peer(HOSTILE)!.state;
  const signature = await identity.sign(acknowledgement(runId, { term, index, hash }));
  const certificate: Certificate = { index, term, hash, signatures: [{ keeper: HOSTILE, signature }] };
  return {
    kind: 'entries',
    value: {
      entries: [line],
      proofs: [],
      certificate: { ...certificate, signatures: [...certificate.signatures] },
    },
  };
}

describe('a member that is no keeper', () => {
  it('changes nothing with what a keeper that others do not know of yet might say', async () => {
    const whole = await played(() => {});
    const forgeries: string[] = [];
    let [begun, done] = [false, false];
    const { simulation, named, commits, signed } = await played((event, running) => {
      if (event.kind !== 'plan' || event.iteration !== 5 || begun) return;
      begun = true;
      const attack = async () => {
        const { index, term, previous, keepers } = placeIn(running);
        expect(keepers).not.toContain(HOSTILE);
        const next = term + 1;
        const append = { term: next, length: index, hash: previous };
        const messages = [
          said('PRE_VOTE', { term: next, length: index + 9, lastTerm: next }),
          said('VOTE', { term: next, length: index + 9, lastTerm: next, handedOver: true }),
          said('VOTE', { term: next + 60_000, length: index + 9, lastTerm: next, handedOver: true }),
          said('APPEND', append),
        ];
        for (const iteration of [5, 6]) {
          const { hash, line } = await forged(
            { index, term: next, previous },
            { kind: 'end', iteration, weights: [] },
          );
          forgeries.push(hash);
          messages.push(said('APPEND', { ...append, entries: [line] }));
        }
        messages.push(
          said('INSTALL', { ...append, length: index + 5, lastTerm: next, keepers: [HOSTILE] }),
          said('LEAD', { term: next }),
        );
        for (const keeper of keepers) await say(running, keeper, ...messages);
        done = true;
      };
      running.world.after(0.1, '', () => void attack());
    });
    expect(forgeries).toHaveLength(2);
    expect(done).toBe(true);
    expect(named).toEqual([]);
    expect(commits).toEqual(whole.commits);
    expect(commits).toHaveLength(training.iterations);
    const hashes = [...signed.values()].flatMap((of) => [...of]);
    expect(hashes.length).toBeGreaterThan(0);
    for (const hash of forgeries) expect(hashes).not.toContain(hash);
    const leaders = simulation.events.filter(({ kind }) => kind === 'leader').length;
    expect(leaders).toBe(whole.simulation.events.filter(({ kind }) => kind === 'leader').length);
    for (const [peer, end] of simulation.ends) expect(end, peer).toEqual({ how: 'ended' });
  });

  const lies: [string, RegExp, (simulation: Simulation) => Promise<ControlBody>][] = [
    [
      'a vote of the last term that there could be',
      /cannot be/,
      async () => said('VOTED', { term: 2 ** 32 - 1, granted: true }),
    ],
    [
      'a vote that nobody asked it for',
      /not asked/,
      async (s) => said('VOTED', { term: placeIn(s).term + 1, granted: true }),
    ],
    [
      'an acknowledgement of what nobody has ordered',
      /not asked/,
      async (s) => {
        const { term, index, previous } = placeIn(s);
        const { runId } = s.peer(HOSTILE)!.state;
        const place = { term: term + 5, index: index - 1, hash: previous };
        const signature = await identity.sign(acknowledgement(runId, place));
        return said('APPENDED', { term: place.term, length: index, hash: previous, signature });
      },
    ],
    [
      'itself as keeper, certified by itself',
      /does not prove/,
      (s) => certified(s, placeIn(s).term, { kind: 'keepers', keepers: [HOSTILE] }),
    ],
    [
      'the run founded again by itself alone',
      /1 of 6 members agree/,
      async (s) => {
        const { index, previous, term } = placeIn(s);
        const { runId: run } = s.peer(HOSTILE)!.state;
        const proposal = { run, term: term + 1, index, previous, peer: HOSTILE };
        const signature = toHex(await identity.sign(refoundingAgreement(proposal)));
        const agreed = [{ peer: HOSTILE, signature }];
        const body = { kind: 'refound', run, peer: HOSTILE, keepers: [HOSTILE], lost: ['p0'], agreed };
        return certified(s, term + 1, body);
      },
    ],
  ];
  it(`is named and changes nothing with ${lies.map(([what]) => what).join('; ')}`, async () => {
    const whole = await played(() => {});
    const told = new Set<number>();
    const { simulation, named, commits } = await played((event, running) => {
      const lie = event.kind === 'plan' && event.of === HOSTILE && lies[event.iteration - 4];
      if (!lie || told.has(event.iteration)) return;
      told.add(event.iteration);
      running.world.after(0.1, '', () => void lie[2](running).then((body) => say(running, 'p1', body)));
    });
    expect(told.size).toBe(lies.length);
    for (const [i, [what, problem]] of lies.entries()) expect(named[i], what).toMatch(problem);
    expect(named).toHaveLength(lies.length);
    expect(commits).toEqual(whole.commits);
    for (const [peer, end] of simulation.ends) expect(end, peer).toEqual({ how: 'ended' });
  });

  it('is let go by the leader after three of them, and not let in again by the next one', async () => {
    let lies = 0;
    let asks = 0;
    const { simulation, commits } = await played((event, running) => {
      const lie = () => say(running, 'p0', said('VOTED', { term: placeIn(running).term + 1, granted: true }));
      if (event.kind === 'plan' && event.of === HOSTILE && event.iteration === 3 && lies === 0) {
        for (; lies < 3; lies++) running.world.after(0.05 * (lies + 1), '', () => void lie().catch(() => {}));
      }
      if (event.kind === 'commit' && event.of === 'p1' && event.commit.iteration === 6) running.crash('p0');
      if (event.kind === 'leader' && event.peer !== 'p0' && event.of === event.peer) {
        asks++;
        running.world.after(0.5, '', () => void running.start(HOSTILE));
      }
    });
    const gone = simulation.events.filter((event) => event.kind === 'gone' && event.peer === HOSTILE);
    expect(gone[0]).toMatchObject({ how: 'failed', reason: expect.stringMatching(/no sound peer/) });
    expect(asks).toBe(1);
    const since = simulation.events.indexOf(gone[0]!);
    const back = simulation.events.slice(since).filter((event) => event.kind === 'entered');
    expect(back.filter((event) => event.kind === 'entered' && event.peer === HOSTILE)).toEqual([]);
    expect(simulation.ends.get(HOSTILE)).toMatchObject({
      how: 'failed',
      reason: { message: expect.stringMatching(/you were let go/) },
    });
    expect(commits).toHaveLength(training.iterations);
  });
});

describe('a member that sends well-formed activations', () => {
  const forgeries: [string, RegExp, (payload: Uint8Array) => Uint8Array][] = [
    ['a value short', /2044 bytes for 512 values/, (payload) => payload.subarray(0, payload.length - 4)],
    ['a value long', /2052 bytes for 512 values/, (payload) => new Uint8Array(payload.length + 4)],
    ['of NaN', /not finite/, (payload) => new Uint8Array(payload.length).fill(0xff)],
  ];
  for (const [what, problem, forge] of forgeries) {
    it(`${what} is named by who gets them, and only its micro-batches are given up`, async () => {
      let iteration = 0;
      let sent = 0;
      const simulation = smallSimulation({
        stages: 2,
        replicas: 3,
        iterations: 6,
        script: (event) => {
          if (event.kind === 'plan' && event.of === HOSTILE) iteration = event.iteration;
        },
        network: (peer, network) =>
          overhearing(network, ({ id }, { header, payload }) => {
            const spared = peer !== HOSTILE || id !== TENSORS.id || payload.length === 0;
            if (spared || iteration < 3 || iteration > 4) return undefined;
            sent++;
            return { header, payload: forge(payload) };
          }),
      });
      await simulation.run(600);
      const { events, ends } = simulation;
      expect(sent).toBe(4); // two micro-batches in each of two iterations
      const named = events.flatMap((event) => (event.kind === 'misbehaved' ? [event] : []));
      expect(named).toHaveLength(sent);
      for (const { peer, problem: said } of named) {
        expect(peer).toBe(HOSTILE);
        expect(said).toMatch(problem);
      }
      const commits = events.flatMap((event) =>
        event.kind === 'commit' && event.of === 'p0' ? [event.commit] : [],
      );
      expect(commits.map(({ stages }) => stages.map(({ contributors }) => contributors.length))).toEqual([
        [3, 3],
        [3, 3],
        [2, 2],
        [2, 2],
        [3, 3],
        [3, 3],
      ]);
      expect(commits.map(({ dropped }) => dropped.length)).toEqual([0, 0, 2, 2, 0, 0]);
      expect(events.filter(({ kind }) => kind === 'gone')).toEqual([]);
      for (const [peer, end] of ends) expect(end, peer).toEqual({ how: 'ended' });
    });
  }
});
