// The audit of real small runs: sound ones are verified, and whatever was changed afterwards is named at its entry, also
// when the forger has everyone's keys.

import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from '../../src/journal/canonical.ts';
import type { CommitBody, EntryBody } from '../../src/journal/entry.ts';
import type { PlanJson } from '../../src/schedule/json.ts';
import { initialStage } from '../../src/swarm/weights/holder.ts';
import { type SmallRun, smallManifest } from '../swarm/small-run.ts';
import {
  audited,
  entriesOf,
  forged,
  linesOf,
  oneByte,
  type RecordedRun,
  recorded,
  snapshotsAfter,
  textOf,
} from './journals.ts';

const ITERATIONS = 5;
/** Three peers that plan from what they measure; every update stands in the journal. */
const small: SmallRun = {
  stages: 3,
  replicas: 1,
  iterations: ITERATIONS,
  training: { ...oneByte, policy: 'skippipe', skipRatio: 0.34 },
};
const sound = recorded(small, 'p0');

/** Index of the commit of an iteration, or of its plan. */
function indexOf({ journal }: RecordedRun, kind: 'commit' | 'plan', iteration: number): number {
  return entriesOf(journal).findIndex(({ body }) => body.kind === kind && body.iteration === iteration);
}

async function withCommit(iteration: number, change: (body: CommitBody) => CommitBody): Promise<RecordedRun> {
  const run = await sound;
  const index = indexOf(run, 'commit', iteration);
  const changed = (body: EntryBody) => (body.kind === 'commit' ? change(body) : body);
  return { ...run, certificates: [], journal: await forged(run.journal, index, changed) };
}

/** A commit with one byte of its updates changed. */
function nudged(body: CommitBody): CommitBody {
  const probes = body.probes!.map((one, at) => {
    const { differences } = one;
    const byte = differences.startsWith('40') ? '41' : '40';
    return at === 0 ? { ...one, differences: `${byte}${differences.slice(2)}` } : one;
  });
  return { ...body, probes };
}

/** Weights for a run of so many stages to begin with. */
function givenWeights(stages: number): Float32Array<ArrayBuffer>[] {
  const other = { ...smallManifest({ stages }), seed: 1234, founder: 'p0' };
  return Array.from({ length: stages }, (_, stage) => new Float32Array(initialStage(other, stage).weights));
}

/** A run that lost stage 2 in iteration 2, and with it perhaps its founder, who alone had the weights it began with. */
function withLostStage(withFounder: boolean): Promise<RecordedRun> {
  let armed = true;
  const lost = withFounder ? ['p0', 'p4', 'p5'] : ['p4', 'p5'];
  return recorded({
    iterations: 5,
    training: oneByte,
    ...(withFounder && { given: givenWeights(4) }),
    script: (event, { world, crash }) => {
      if (event.kind !== 'plan' || event.iteration !== 2 || !armed) return;
      armed = false;
      world.after(0.03, '', () => lost.forEach(crash));
    },
  });
}

describe('a sound journal', () => {
  it('is verified, its plans and its weights computed again', async () => {
    const run = await sound;
    const entries = entriesOf(run.journal);
    const bytes = 2 * 2 * 2 * ITERATIONS; // micro-batches, samples, directions
    expect(await audited(run)).toEqual({
      entries: entries.length,
      iterations: ITERATIONS,
      verified: true,
      firstBadEntry: null,
      problem: null,
      runId: run.signed.runId,
      ended: true,
      summary: null,
      certified: entries.length,
      plans: { recomputed: ITERATIONS, otherVersion: 0 },
      replayed: true,
      notReplayed: null,
      digestsCompared: 3 * ITERATIONS,
      bytes: { journal: run.journal.length, manifest: run.signed.bytes.length, contributions: bytes },
    });
  });

  it('is verified as far as it goes when the run has not ended', async () => {
    const run = await sound;
    const upTo = indexOf(run, 'commit', 3) + 1;
    const certificates = run.certificates.filter(({ index }) => index < upTo);
    const result = await audited({
      ...run,
      certificates,
      journal: textOf(linesOf(run.journal).slice(0, upTo)),
    });
    expect(result).toMatchObject({ verified: true, entries: upTo, iterations: 3, ended: false });
  });

  it('of gradients that are not in it is checked without its weights, and says so', async () => {
    const run = await recorded({ stages: 2, replicas: 2, iterations: 3 }, 'p0');
    const result = await audited(run);
    const notReplayed = 'the updates of codec dense-f32 are not in the journal';
    expect(result).toMatchObject({ verified: true, replayed: false, notReplayed, iterations: 3 });
    const last = entriesOf(run.journal).length - 1;
    const diverged = await forged(run.journal, last, (body) =>
      body.kind === 'end'
        ? { ...body, weights: body.weights.map((report) => ({ ...report, divergent: ['p1'] })) }
        : body,
    );
    expect(await audited({ ...run, certificates: [], journal: diverged })).toMatchObject({
      firstBadEntry: last,
      problem: 'replicas of stage 0 have other weights than their group: p1',
    });
  });

  it('gives the weights of a stage that was lost and computed from the journal', async () => {
    const run = await withLostStage(false);
    const repair = entriesOf(run.journal).find(({ body }) => body.kind === 'repair')!;
    expect(repair.body).toMatchObject({ stage: 2, rule: 'replay', sources: [] });
    // the auditor has gone on with the stage as if it had never been lost
    expect(await audited(run)).toMatchObject({ verified: true, replayed: true, iterations: 5 });
  });

  it('gives the weights of a stage that was lost and rebuilt from its neighbours', async () => {
    const run = await withLostStage(true);
    const repair = entriesOf(run.journal).find(({ body }) => body.kind === 'repair')!;
    expect(repair.body).toMatchObject({ stage: 2, rule: 'checkfree' });
    expect(await audited(run)).toMatchObject({ verified: true, replayed: true, iterations: 5 });
    const { index } = repair;
    const other = await forged(
      run.journal,
      index,
      (body) => ({ ...body, digest: '5'.repeat(64) }) as EntryBody,
    );
    const problem = expect.stringMatching(
      /^stage 2 is given back with weights 555555555555…, its sources give/,
    );
    expect(await audited({ ...run, certificates: [], journal: other })).toMatchObject({
      firstBadEntry: index,
      problem,
    });
  });

  it('gives the weights of peers that came back with what their disks had', async () => {
    const everyone = ['p0', 'p1'];
    let armed = true;
    const settings: SmallRun = {
      stages: 2,
      replicas: 1,
      iterations: 7,
      training: oneByte,
      script: (event, simulation) => {
        if (event.kind !== 'commit' || event.commit.iteration !== 4 || !armed) return;
        armed = false;
        simulation.world.after(0.03, '', () => everyone.forEach(simulation.crash));
        simulation.world.after(3, '', () => everyone.forEach((peer) => void simulation.start(peer)));
      },
    };
    const run = await recorded(settings, 'p0');
    const origins = entriesOf(run.journal).flatMap(({ body }) =>
      body.kind === 'members'
        ? body.changes.map((change) => change.kind === 'enter' && change.origin.kind)
        : [],
    );
    expect(origins.filter((kind) => kind === 'stored').length).toBeGreaterThanOrEqual(2);
    expect(await audited(run)).toMatchObject({ verified: true, replayed: true, iterations: 7 });
  });

  it('is computed again from snapshots on where these are given, and what was before is not', async () => {
    const run = await sound;
    const snapshots = await snapshotsAfter(run, 3);
    const whole = await audited(run);
    const later = await audited(run, { snapshots });
    expect(later).toEqual({ ...whole, digestsCompared: 3 * (ITERATIONS - 2) });
    const changedBefore = await withCommit(2, nudged);
    expect(await audited(changedBefore)).toMatchObject({ verified: false });
    expect(await audited(changedBefore, { snapshots })).toMatchObject({ verified: true });
    const changedAfter = await withCommit(4, nudged);
    expect(await audited(changedAfter, { snapshots })).toMatchObject({
      firstBadEntry: indexOf(run, 'commit', 5),
    });
  });

  it('tells the other stages when one is given, and nothing of a stage that was rebuilt from what is not', async () => {
    const run = await withLostStage(true);
    const [first, second] = await snapshotsAfter(run, 4); // stage 2 was rebuilt before
    const { digestsCompared, ...whole } = await audited(run);
    const fewer = await audited(run, { snapshots: [first!, second!] });
    expect(fewer).toMatchObject({ ...whole, digestsCompared: expect.any(Number) });
    expect(fewer.digestsCompared).toBeLessThan(digestsCompared - 6);
  });

  it('is not compared with snapshots of other weights', async () => {
    const run = await sound;
    const [first] = await snapshotsAfter(run, 3);
    const wrong = { ...first!, weights: first!.weights.map((weight) => -weight) };
    const refused = audited(run, { snapshots: [wrong] });
    await expect(refused).rejects.toThrow('does not have these weights of stage 0 after iteration 3');
    const unknown = audited(run, { snapshots: [{ ...first!, iteration: 17 }] });
    await expect(unknown).rejects.toThrow('of stage 0 after iteration 17');
  });

  it('of a run that began with a model is replayed from that model', async () => {
    const given = givenWeights(2);
    const run = await recorded({ stages: 2, replicas: 1, iterations: 2, training: oneByte, given }, 'p0');
    expect(await audited(run)).toMatchObject({
      verified: true,
      replayed: true,
      digestsCompared: 4,
    });
    const notReplayed = 'the run began with the weights of a model, which is not here';
    const without = { ...run, given: undefined };
    expect(await audited(without)).toMatchObject({ verified: true, replayed: false, notReplayed });
  });
});

describe('a journal that was changed', () => {
  it('is found at the entry, whichever entry it was and wherever in it', async () => {
    const run = await sound;
    const { journal } = run;
    const starts = linesOf(journal).map((_, index, lines) => textOf(lines.slice(0, index)).length);
    for (const [index, start] of starts.entries()) {
      const line = linesOf(journal)[index]!;
      // of its body, its hash or its signature
      const places = [
        12 + ((17 * index) % 60),
        line.indexOf('"hash":"') + 13,
        line.indexOf('"signature":"') + 20,
      ];
      const at = start + places[index % 3]!;
      const flipped = String.fromCharCode(journal.charCodeAt(at) ^ 1);
      const changed = journal.slice(0, at) + flipped + journal.slice(at + 1);
      expect(await audited({ ...run, journal: changed })).toMatchObject({ firstBadEntry: index });
    }
  });

  it('is found where an entry is missing, where two have changed places, and where it is torn', async () => {
    const run = await sound;
    const lines = linesOf(run.journal);
    const without = textOf(lines.filter((_, index) => index !== 7));
    expect(await audited({ ...run, journal: without })).toMatchObject({
      firstBadEntry: 7,
      problem: 'expected entry 7, this one says 8',
    });
    const exchanged = textOf(
      lines.map((line, index) => lines[index === 7 ? 8 : index === 8 ? 7 : index] ?? line),
    );
    expect(await audited({ ...run, journal: exchanged })).toMatchObject({ firstBadEntry: 7 });
    expect(await audited({ ...run, journal: run.journal.slice(0, -40) })).toMatchObject({
      entries: lines.length,
      firstBadEntry: lines.length - 1,
      problem: 'it is cut off, as by a crash while it was written',
    });
  });

  it('is found by its signature when its author did not sign it', async () => {
    const run = await sound;
    const lines = linesOf(run.journal);
    const last = entriesOf(run.journal).at(-1)!;
    lines[last.index] = canonicalJson({ ...last, signature: '0'.repeat(64) } as unknown as Json);
    expect(await audited({ ...run, journal: textOf(lines) })).toMatchObject({
      firstBadEntry: last.index,
      problem: `entry ${last.index} is not signed by ${last.author}`,
    });
  });

  it('is found when its authors had no right to what they wrote', async () => {
    const run = await sound;
    const index = indexOf(run, 'plan', 2);
    const journal = await forged(run.journal, index, (body) => ({ ...body, iteration: 4 }) as EntryBody);
    const problem = expect.stringContaining('plans iteration 4 after 1');
    expect(await audited({ ...run, certificates: [], journal })).toMatchObject({
      firstBadEntry: index,
      problem,
    });
  });

  it('is found when it is another run', async () => {
    const run = await sound;
    const journal = await forged(run.journal, 0, (body) => ({ ...body, runId: '9'.repeat(64) }) as EntryBody);
    const problem = expect.stringContaining('the manifest is of run');
    expect(await audited({ ...run, certificates: [], journal })).toMatchObject({
      entries: linesOf(journal).length,
      firstBadEntry: 0,
      problem,
    });
  });
});

describe('a journal with certificates', () => {
  it('is found where its end is missing or another entry stands than was certified', async () => {
    const run = await sound;
    const lines = linesOf(run.journal);
    expect(await audited({ ...run, journal: textOf(lines.slice(0, -2)) })).toMatchObject({
      firstBadEntry: lines.length - 2,
      problem: expect.stringMatching(/^it is missing: entry \d+ was certified by the keepers$/),
    });
    const { index } = run.certificates.find((certificate) => certificate.index > 4)!;
    const journal = await forged(run.journal, index, (body) => ({ ...body, reason: 'another' }) as EntryBody);
    expect((await audited({ ...run, journal })).firstBadEntry).toBeLessThanOrEqual(index);
  });

  it('is found where a certificate is not its keepers’', async () => {
    const run = await sound;
    const last = run.certificates.at(-1)!;
    const found = (signatures: typeof last.signatures) =>
      audited({ ...run, certificates: [{ ...last, signatures }] });
    const broken = last.signatures.map((one) => ({ ...one, signature: new Uint8Array(32) }));
    const { keeper } = last.signatures[0]!;
    const problem = `its certificate is not signed by ${keeper}`;
    expect(await found(broken)).toMatchObject({ firstBadEntry: last.index, problem });
    const strangers = last.signatures.map((one) => ({ ...one, keeper: 'mallory' }));
    expect(await found(strangers)).toMatchObject({
      firstBadEntry: last.index,
      problem: 'its certificate is not of a majority of its keepers',
    });
  });
});

describe('a journal that was changed and signed anew by everyone', () => {
  it('is found by a plan that is not its planner’s', async () => {
    const run = await sound;
    const index = indexOf(run, 'plan', 3);
    const slower = ({ seconds }: PlanJson) => seconds.map((row) => ({ ...row, F1: 9 }));
    const journal = await forged(run.journal, index, (body) => {
      if (body.kind !== 'plan') return body;
      const plan = body.plan as PlanJson;
      return { ...body, plan: { ...plan, seconds: slower(plan) } };
    });
    const problem = 'the plan is not the one that its planner computes from this journal';
    expect(await audited({ ...run, certificates: [], journal })).toMatchObject({
      firstBadEntry: index,
      problem,
    });
  });

  it('is found by a measurement that its plans were not made from', async () => {
    const changed = await withCommit(2, (body) => ({
      ...body,
      measurements: body.measurements!.map((one) => ({ ...one, forward: one.forward + 5000 })),
    }));
    const { firstBadEntry } = await audited(changed);
    // the first plan that uses it
    expect([3, 4].map((iteration) => indexOf(changed, 'plan', iteration))).toContain(firstBadEntry);
  });

  it('is found by a digest of weights that the updates do not lead to', async () => {
    const changed = await withCommit(4, (body) => ({
      ...body,
      weights: body.weights.map((one) => (one.stage === 1 ? { ...one, digest: '7'.repeat(64) } : one)),
    }));
    expect(await audited(changed)).toMatchObject({
      firstBadEntry: indexOf(changed, 'commit', 4),
      problem: expect.stringMatching(
        /^stage 1 has weights 777777777777… after iteration 3, the journal leads to/,
      ),
    });
  });

  it('is found by a byte of an update, where its weights are next reported', async () => {
    const changed = await withCommit(3, nudged);
    expect(await audited(changed)).toMatchObject({
      iterations: 3,
      firstBadEntry: indexOf(changed, 'commit', 4),
      problem: expect.stringContaining('after iteration 3'),
    });
  });

  it.each<[string, (body: CommitBody) => CommitBody, RegExp]>([
    [
      'counts a micro-batch twice',
      (body) => ({
        ...body,
        stages: body.stages.map((one) => ({
          ...one,
          microbatches: [...one.microbatches, one.microbatches[0]!],
        })),
      }),
      /counts twice at stage 0/,
    ],
    [
      'counts a micro-batch of no plan',
      (body) => ({
        ...body,
        stages: body.stages.map((one) => ({ ...one, microbatches: [...one.microbatches, 999] })),
      }),
      /micro-batch 999 .* not in the plan/,
    ],
    [
      'counts a stranger',
      (body) => ({ ...body, stages: body.stages.map((one) => ({ ...one, contributors: ['mallory'] })) }),
      /^mallory contributes to stage 0/,
    ],
    [
      'says nothing of a micro-batch',
      (body) => {
        const { probe } = body.probes![0]!;
        const without = (numbers: readonly number[]) => numbers.filter((number) => number !== probe);
        return {
          ...body,
          stages: body.stages.map((one) => ({ ...one, microbatches: without(one.microbatches) })),
          probes: body.probes!.slice(1),
        };
      },
      /micro-batch 0 neither counts nor is named/,
    ],
    [
      'gives up a micro-batch of no plan',
      (body) => ({ ...body, dropped: [{ microbatch: 999, reason: 'it was lost' }] }),
      /micro-batch 999 is given up and is not in the plan/,
    ],
    [
      'counts bytes twice',
      (body) => ({ ...body, probes: [...body.probes!, body.probes![0]!] }),
      /count twice/,
    ],
    ['lacks bytes', (body) => ({ ...body, probes: body.probes!.slice(1) }), /without their bytes/],
    [
      'has a byte too many',
      (body) => ({
        ...body,
        probes: body.probes!.map((one) => ({ ...one, differences: `${one.differences}00` })),
      }),
      /not as many as the plan has samples/,
    ],
    [
      'counts bytes of losses that were not finite',
      (body) => ({
        ...body,
        probes: body.probes!.map((one) => ({ ...one, differences: `80${one.differences.slice(2)}` })),
      }),
      /not all are of finite losses/,
    ],
  ])('is found by a commit that %s', async (_, change, problem) => {
    const changed = await withCommit(3, change);
    expect(await audited(changed)).toMatchObject({
      firstBadEntry: indexOf(changed, 'commit', 3),
      problem: expect.stringMatching(problem),
    });
  });
});
