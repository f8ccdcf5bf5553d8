// The commits of a journal: each counts only what its plan had in it, nothing twice, and the weights that replicas
// report are those that everything before leads to.

import type { CommitBody, Entry, EntryBody, MemberChange, WeightReport } from '../journal/entry.ts';
import { fromHex } from '../journal/canonical.ts';
import { RecoveryError } from '../recovery/index.ts';
import { planFromJson } from '../schedule/json.ts';
import type { Manifest } from '../swarm/manifest.ts';
import { unaccounted } from '../swarm/training/accounting.ts';
import { isFiniteProbe, isForwardOnly, isProbe } from '../swarm/training/probing.ts';
import { type ExpectedWeights, ReplayedMembers } from '../swarm/weights/replaying.ts';
import { type OrderedPlan, RunState } from '../swarm/run-state.ts';
import type { Finding } from './audit.ts';

/**
 * Reads the entries in order; each must be sound by itself and its plan too.
 * @param state what is so before the first of them
 */
export async function* auditCommits(
  entries: readonly Entry[],
  manifest: Manifest,
  weights: ExpectedWeights,
  counts: { compared: number },
  state = new RunState(),
): AsyncGenerator<number, Finding | undefined> {
  const members = new ReplayedMembers(weights, state.present());
  for (const entry of entries) {
    const { body, index } = entry;
    const problem = await problemOf(body);
    if (problem !== undefined) return { index, problem };
    state.apply(entry);
    yield index + 1;
  }
  return undefined;

  async function problemOf(body: EntryBody): Promise<string | undefined> {
    switch (body.kind) {
      case 'members':
        for (const change of body.changes) {
          const problem = changeProblem(change);
          if (problem !== undefined) return problem;
        }
        return undefined;
      case 'repair': {
        const { peer, stage, digest } = body;
        // a copy outside the group is the stage as it was
        const expected = body.rule === 'shadow' ? weights.digest(stage) : weights.digestOf(peer);
        if (expected !== undefined && expected !== digest) {
          return `stage ${stage} is given back with weights ${short(digest)}, its sources give ${short(expected)}`;
        }
        if (expected !== undefined) counts.compared++;
        weights.repaired(peer, digest);
        return undefined;
      }
      case 'commit': {
        const { plan } = state;
        // the plan of a commit that comes first is not in the journal
        const counting = plan?.plan === null ? undefined : countingProblem(body, plan!, manifest);
        const problem = reportsProblem(body.weights) ?? counting;
        if (problem === undefined) await weights.committed(body);
        return problem;
      }
      case 'end':
        return reportsProblem(body.weights);
      default:
        return undefined;
    }
  }

  function changeProblem(change: MemberChange): string | undefined {
    if (change.kind === 'enter') {
      const { peer, stage, origin } = change;
      const { stages } = manifest.training;
      if (stage >= stages) return `${peer} enters stage ${stage} of a run with ${stages}`;
      const sources = origin.kind === 'rebuild' ? origin.sources : [];
      const wrong = sources.find((source) => source.gradientNorm !== state.gradientNorm(source.stage));
      if (wrong !== undefined) {
        return `stage ${stage} is rebuilt with a gradient norm ${wrong.gradientNorm} of stage ${wrong.stage}, committed was ${state.gradientNorm(wrong.stage)}`;
      }
      const copies = new Set(state.shadows(stage).map((member) => member.peer));
      const without = origin.kind === 'shadow' ? origin.sources.find((one) => !copies.has(one)) : undefined;
      if (without !== undefined) return `stage ${stage} is taken from a copy of ${without}, who keeps none`;
    }
    try {
      members.change(change, state.iteration);
      return undefined;
    } catch (error) {
      if (change.kind !== 'enter' || !(error instanceof RangeError || error instanceof RecoveryError))
        throw error;
      return `${change.peer} cannot have the weights of stage ${change.stage}: ${error.message}`;
    }
  }

  function reportsProblem(reports: readonly WeightReport[]): string | undefined {
    for (const { stage, digest, divergent } of reports) {
      if (divergent.length > 0) {
        return `replicas of stage ${stage} have other weights than their group: ${divergent.join(', ')}`;
      }
      const expected = weights.digest(stage);
      if (expected !== undefined && expected !== digest) {
        return `stage ${stage} has weights ${short(digest)} after iteration ${state.iteration}, the journal leads to ${short(expected)}`;
      }
      if (expected !== undefined) counts.compared++;
      weights.reported(stage, digest);
    }
    return undefined;
  }
}

const short = (digest: string): string => `${digest.slice(0, 12)}…`;

/** What a commit counts that its plan has not, or counts twice, or says nothing of. */
function countingProblem(commit: CommitBody, ordered: OrderedPlan, manifest: Manifest): string | undefined {
  const { paths, peers } = planFromJson(ordered.plan);
  const planned = new Set(paths.map(({ microbatch }) => microbatch));
  const members = new Set(peers);
  for (const { stage, microbatches, contributors } of commit.stages) {
    const foreign = microbatches.find((microbatch) => !planned.has(microbatch));
    if (foreign !== undefined)
      return `micro-batch ${foreign} counts at stage ${stage} and is not in the plan`;
    if (new Set(microbatches).size < microbatches.length) {
      return `a micro-batch counts twice at stage ${stage}`;
    }
    const stranger = contributors.find((peer) => !members.has(peer));
    if (stranger !== undefined) return `${stranger} contributes to stage ${stage} and is not in the plan`;
  }
  const strange = commit.dropped.find(({ microbatch }) => !planned.has(microbatch));
  if (strange) return `micro-batch ${strange.microbatch} is given up and is not in the plan`;
  const [missing] = unaccounted(manifest, planned, commit);
  if (missing !== undefined) return `micro-batch ${missing} neither counts nor is named as given up`;
  return probesProblem(commit, planned, manifest);
}

function probesProblem(
  { probes = [], stages }: CommitBody,
  planned: ReadonlySet<number>,
  manifest: Manifest,
): string | undefined {
  if (!isForwardOnly(manifest)) return probes.length > 0 ? 'it has bytes of forward passes alone' : undefined;
  const there = new Set<number>();
  for (const { probe, differences } of probes) {
    if (there.has(probe)) return `the bytes of passes ${probe} count twice`;
    there.add(probe);
    const report = { probe, differences: fromHex(differences)! };
    if (!isFiniteProbe(report)) return `the bytes of passes ${probe} count, and not all are of finite losses`;
    if (!planned.has(probe) || !isProbe(manifest, report)) {
      return `the bytes of passes ${probe} are not as many as the plan has samples, or of no passes of it`;
    }
  }
  for (const { stage, microbatches } of stages) {
    const without = microbatches.find((microbatch) => !there.has(microbatch));
    if (without !== undefined) return `passes ${without} count at stage ${stage} without their bytes`;
  }
  return undefined;
}
