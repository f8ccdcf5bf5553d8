// Plans computed again: from the journal before a plan, what it says of its planner and the run's manifest, the same
// plan must come out, byte for byte. A leader that orders any other plan than its planner's is found out by this.

import { canonicalBytes, type Json } from '../../journal/canonical.ts';
import type { Entry } from '../../journal/entry.ts';
import { plannerVersion } from '../../schedule/policies/skippipe.ts';
import { finish } from '../../schedule/slices.ts';
import type { Manifest } from '../manifest.ts';
import { groupsOf, measurementsFor, memoryOf, planEntry, planInSlices, readPlan } from './planning.ts';
import { RunState } from '../run-state.ts';

export interface AuditedPlan {
  /** Index of the journal entry. */
  readonly index: number;
  readonly iteration: number;
  readonly attempt: number;
  /** Who ordered it. */
  readonly author: string;
  readonly outcome:
    | { readonly kind: 'equal' }
    /** It is not the plan that its planner gives. */
    | { readonly kind: 'different' }
    /** It should have been refused, and why. */
    | { readonly kind: 'invalid'; readonly problem: string }
    /** Another version of the planner made it; it was checked and cannot be computed here. */
    | { readonly kind: 'other-version'; readonly version: number };
}

/**
 * Checks every plan of a journal, in order, each from the entries before it. The entries' hashes and signatures are the
 * journal's own matter. Throws a JournalError where an entry contradicts those before it.
 * @param state what is so before the first of them
 */
export function* auditPlans(
  entries: Iterable<Entry>,
  manifest: Manifest,
  state = new RunState(),
): Generator<AuditedPlan> {
  for (const entry of entries) {
    const { body, index, author } = entry;
    if (body.kind === 'plan') {
      const { iteration, attempt } = body;
      state.check(entry);
      yield { index, iteration, attempt, author, outcome: outcomeOf(body, manifest, state) };
    }
    state.apply(entry);
  }
}

function outcomeOf(
  body: Extract<Entry['body'], { kind: 'plan' }>,
  manifest: Manifest,
  state: RunState,
): AuditedPlan['outcome'] {
  try {
    readPlan(body, manifest, state);
  } catch (error) {
    return { kind: 'invalid', problem: error instanceof Error ? error.message : String(error) };
  }
  const planner = body.planner!; // a plan without one is not read
  if (planner.version !== plannerVersion) return { kind: 'other-version', version: planner.version };
  const measurements = measurementsFor(state, manifest, planner.measuredUpTo);
  const basis = {
    iteration: body.iteration,
    groups: groupsOf(state, manifest),
    measurements,
    memory: memoryOf(state),
    planner,
  };
  const again = canonicalBytes(planEntry(finish(planInSlices(manifest, basis))) as Json);
  const ordered = canonicalBytes(body.plan as Json);
  const equal = again.length === ordered.length && again.every((byte, at) => byte === ordered[at]);
  return { kind: equal ? 'equal' : 'different' };
}
