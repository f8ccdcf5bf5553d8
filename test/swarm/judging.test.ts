// Who may come into a run, judged from what a peer says of itself before anything is sent to it.

import { describe, expect, it } from 'vitest';
import { describeText } from '../../src/data/index.ts';
import type { Entry } from '../../src/journal/entry.ts';
import { Journal } from '../../src/journal/journal.ts';
import { createMemoryStore } from '../../src/journal/memory-store.ts';
import { createSimulatedIdentity } from '../../src/network/simulated/identity.ts';
import { SimulatedNetworks } from '../../src/network/simulated/network.ts';
import { SimulatedWorld } from '../../src/network/simulated/world.ts';
import type { ControlBody } from '../../src/network/wire/codec.ts';
import { Joining, textDigest } from '../../src/swarm/membership/joining.ts';
import { PROTOCOL_VERSION, signManifest } from '../../src/swarm/manifest.ts';
import { Messenger } from '../../src/swarm/messenger.ts';
import { RunState } from '../../src/swarm/run-state.ts';
import { smallManifest, smallText } from './small-run.ts';

type Request = Extract<ControlBody, { kind: 'join' }>['value'];

async function judgeOf(options: { leading?: boolean; ended?: boolean; inRun?: boolean } = {}) {
  const { leading = true, ended = false, inRun = true } = options;
  const world = new SimulatedWorld();
  const links = { latencySeconds: () => 0, bytesPerSecond: () => 1 };
  const network = new SimulatedNetworks(world, links).join('p0');
  const clock = world.clockOf('p0');
  const identity = createSimulatedIdentity('p0');
  const store = createMemoryStore();
  const messenger = new Messenger(network, clock, {
    control: () => {},
    tensor: async () => {},
    misbehaved: () => {},
    broke: () => {},
  });
  const journal = await Journal.open(identity, store);
  const joining = new Joining({
    network,
    clock,
    identity,
    store,
    messenger,
    journal,
    members: () => [],
    answerSeconds: () => 5,
    event: () => {},
  });
  const signed = await signManifest({ ...smallManifest({ iterations: 3 }), founder: 'p0' }, identity);
  const state = new RunState();
  const bodies: Entry['body'][] = [
    { kind: 'genesis', runId: signed.runId, founder: 'p0' },
    { kind: 'leader', peer: 'p0', reason: '' },
    ...(ended ? [{ kind: 'end' as const, iteration: 0, weights: [] }] : []),
  ];
  bodies.forEach((body, index) => {
    const term = index === 0 ? 0 : 1;
    state.apply({ index, term, previous: '', author: 'p0', body, hash: '', signature: '' });
  });
  const request: Request = {
    runId: signed.runId,
    version: PROTOCOL_VERSION,
    name: 'new',
    addresses: [],
    dataDigest: textDigest(describeText('', smallText, identity.digest), identity.digest),
    stored: [],
    wantedStage: -1,
    term: 0,
    journalLength: 0,
  };
  return (changes: Partial<Request> = {}) => {
    const known = inRun ? signed : undefined;
    const decision = joining.judge('p9', { ...request, ...changes }, known, state, leading);
    if (decision.kind === 'applicant') return decision.applicant;
    if (decision.body.kind !== 'refused') throw new Error(`refused with ${decision.body.kind}`);
    return decision.body.value;
  };
}

describe('a peer that asks to be let in', () => {
  it('is an applicant when it speaks the version and names the run; with the text it may be an anchor', async () => {
    const judge = await judgeOf();
    expect(judge()).toMatchObject({ peer: 'p9', name: 'new', hasText: true, wantedStage: -1 });
    expect(judge({ dataDigest: '' })).toMatchObject({ hasText: false });
    expect(judge({ dataDigest: 'f'.repeat(64), wantedStage: 1 })).toMatchObject({ hasText: false });
  });

  it('is refused for another version before anything else, and told both', async () => {
    const judge = await judgeOf();
    expect(judge({ version: 'skein/0', runId: 'b'.repeat(64) })).toMatchObject({
      reason: 'WRONG_VERSION',
      message: `this run speaks ${PROTOCOL_VERSION}, you speak skein/0: install the same version`,
    });
  });

  it('is refused for another run, for a run that has ended, and for stage 0 without the text', async () => {
    const judge = await judgeOf();
    expect(judge({ runId: 'b'.repeat(64) })).toMatchObject({ reason: 'WRONG_RUN' });
    expect(judge({ dataDigest: '', wantedStage: 0 })).toMatchObject({
      reason: 'WRONG_DATA',
      message: expect.stringContaining('you have no text'),
    });
    expect(judge({ dataDigest: 'f'.repeat(64), wantedStage: 0 })).toMatchObject({
      reason: 'WRONG_DATA',
      message: expect.stringContaining('your text is another one'),
    });
    expect((await judgeOf({ ended: true }))()).toMatchObject({ message: 'the run has ended' });
  });

  it('is sent on by who does not lead, and asked to wait by who is not in the run yet', async () => {
    expect((await judgeOf({ leading: false }))()).toMatchObject({ reason: 'NOT_LEADER' });
    expect((await judgeOf({ inRun: false }))()).toMatchObject({ reason: 'BUSY' });
  });
});
