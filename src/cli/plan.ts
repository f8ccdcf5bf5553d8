// `skein plan`: one plan a policy for a scenario, what the timeline makes of it, and pictures of it.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { ONE_BYTE } from '../gradient/index.ts';
import { lowerBoundSeconds } from '../report/bound.ts';
import { type Drawing, formatPercent, formatSeconds } from '../report/drawing.ts';
import { ganttSvg, MOST_TASKS_DRAWN } from '../report/gantt.ts';
import { formatBytes, planTable } from '../report/table.ts';
import { chromeTrace } from '../report/trace.ts';
import { describeSwarm } from '../scenario/expand.ts';
import { suggest } from '../scenario/nearest.ts';
import type { Scenario } from '../scenario/settings.ts';
import type { SwarmDescription } from '../schedule/description.ts';
import { DescriptionError, PlanError } from '../schedule/errors.ts';
import { forwardOnlyPlan } from '../schedule/forward-only.ts';
import type { Plan } from '../schedule/plan.ts';
import {
  type Budget,
  isPolicyName,
  type PolicyName,
  policies,
  policyNames,
} from '../schedule/policies/index.ts';
import type { Policy } from '../schedule/policies/policy.ts';
import { instanceOf } from '../schedule/skippipe/instance.ts';
import { boundsOf, type PlanBounds } from '../schedule/skippipe/plan-bounds.ts';
import { rulesKept } from '../schedule/skippipe/rules.ts';
import { networkOf, type Timeline, timeline } from '../schedule/timeline.ts';
import { validatePlan } from '../schedule/validate.ts';
import { RunError, UsageError } from './errors.ts';
import { loadScenario, writeInto } from './files.ts';
import { withoutTiming } from './output.ts';
import { addCommonFlags, type CliContext, type CommonFlags, parseList } from './program.ts';

interface PlanFlags extends CommonFlags {
  readonly policy?: readonly string[];
  readonly budget?: Budget;
  readonly bounds?: 'full';
  readonly out?: string;
  readonly tasks?: boolean;
}

export function register(program: Command, context: CliContext): void {
  const command = program
    .command('plan')
    .summary('plan one iteration of a scenario, predict and draw it')
    .description('Computes one plan a policy for a scenario and what a timeline makes of it.')
    .argument('<scenario>', 'scenario file, YAML or JSON (docs/scenario-format.md)')
    .option(
      '--policy <names>',
      `policies, separated by commas, or all (known: ${policyNames.join(', ')})`,
      parseList,
    )
    .option(
      '--budget <steps>',
      'how long policies that search may search: steps, or ×N times the default',
      parseBudget,
    )
    .addOption(
      new Option('--bounds <which>', 'which lower bounds to compute beside the quick ones').choices(['full']),
    )
    .option('--out <dir>', 'draw each timeline as SVG and write a trace for ui.perfetto.dev')
    .option('--tasks', 'list every task in the JSON');
  addCommonFlags(command, { timing: true });
  command.action((file: string, flags: PlanFlags) => {
    runPlan(file, flags, context);
  });
}

function runPlan(file: string, flags: PlanFlags, { output }: CliContext): void {
  const scenario = loadScenario(file);
  const chosen = choosePolicies(flags.policy ?? [scenario.training.policy]);
  const description = describeSwarm(scenario);
  const results: Planned[] = [];
  const skipped: { policy: string; reason: string }[] = [];
  for (const name of chosen.names) {
    try {
      results.push(planWith(name, description, scenario, flags));
    } catch (error) {
      // Not every policy fits every scenario: among all of them that is a remark, of one that was named an error.
      if (!(error instanceof DescriptionError || error instanceof PlanError)) throw error;
      if (!chosen.all)
        throw new UsageError(`${file}: ${name} cannot plan this: ${error.message}`, { cause: error });
      skipped.push({ policy: name, reason: error.message });
    }
  }
  if (results.length === 0) {
    throw new UsageError(
      `${file}: no policy can plan this: ${skipped.map((s) => `${s.policy}: ${s.reason}`).join('; ')}`,
    );
  }
  // Without a model nobody knows what an activation weighs, and `bytesMoved` counts activations.
  const moved = (bytes: number) =>
    scenario.model === undefined ? `${bytes} activations` : formatBytes(bytes);
  output.say(planTable(results.map(({ summary }) => ({ ...summary, moved: moved(summary.bytesMoved) }))));
  for (const { summary } of results) if (summary.bounds !== undefined) output.say(boundLine(summary));
  for (const { policy, reason } of skipped) output.say(`${policy} cannot plan this: ${reason}`);
  if (flags.out !== undefined) draw(results, scenario, flags.out, output.say);
  if (flags.json === true) {
    const document = {
      scenario: scenario.name,
      seed: flags.seed ?? scenario.seed,
      plans: results.map(({ summary, plan, timeline }) =>
        flags.tasks === true ? { ...summary, tasks: taskList(plan, timeline) } : summary,
      ),
      skipped,
    };
    output.json(flags.timing === false ? withoutTiming(document) : document);
  }
}

/** A byte for a sample, or for all that share a direction, and two passes is what an anchor sends. Without a model, sizes count activations: it is none. */
function withoutBackwards(description: SwarmDescription, plan: Plan, { model, training }: Scenario): Plan {
  const count = { passes: 2 * training.directions, microbatches: plan.paths.length };
  const bytes = training.directionFor === 'microbatch' ? 1 : training.samplesPerMicrobatch;
  const gradientBytes = model === undefined ? 0 : bytes / 2;
  return forwardOnlyPlan({ ...description, gradientBytes }, plan, count);
}

function choosePolicies(names: readonly string[]): { names: readonly PolicyName[]; all: boolean } {
  if (names.includes('all')) return { names: policyNames, all: true };
  const known = names.map((name) => {
    if (isPolicyName(name)) return name;
    throw new UsageError(`--policy: there is no policy '${name}'${suggest(name, [...policyNames, 'all'])}`);
  });
  return { names: [...new Set(known)], all: false };
}

interface Planned {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly summary: PlanSummary;
}

/** One entry of `plans` in the JSON. */
interface PlanSummary {
  readonly policy: string;
  readonly peers: number;
  readonly stages: number;
  readonly microbatches: number;
  readonly makespanSeconds: number;
  readonly spanSeconds: readonly number[];
  readonly lowerBoundSeconds: number;
  /** Makespan over bound, minus one. */
  readonly gap: number;
  /** No plan is shorter: the bound holds for every plan, and this one meets it. */
  readonly optimal: boolean;
  /** Where the policy chooses paths: the bounds on every plan that keeps the rules. */
  readonly bounds?: PlanBounds;
  readonly bubbleRatio: number;
  readonly peakActivations: readonly number[];
  readonly bytesMoved: number;
  readonly exchangeBytes: number;
  readonly assignment: readonly (readonly string[])[];
  readonly paths: readonly {
    readonly microbatch: number;
    readonly anchor: string;
    readonly nodes: readonly { readonly stage: number; readonly peer: string; readonly chunk?: number }[];
  }[];
  readonly timing: { readonly planMilliseconds: number };
}

/** Planning works in whole microseconds: a bound this close to the makespan is met. */
const SAME_TIME = 1e-6;
/** What sums of the same times in another order may differ by. */
const ROUNDING = 1e-9;

function planWith(
  name: PolicyName,
  description: SwarmDescription,
  scenario: Scenario,
  { budget, bounds: which, seed = scenario.seed }: PlanFlags,
): Planned {
  const started = performance.now();
  const made = policies[name].plan(description, budget === undefined ? { seed } : { seed, budget });
  const forwardOnly = scenario.training.codec === ONE_BYTE;
  const plan = forwardOnly ? withoutBackwards(description, made, scenario) : made;
  const planMilliseconds = performance.now() - started;
  const { keepsRules }: Policy = policies[name];
  const rules = keepsRules && rulesKept(keepsRules, instanceOf(description));
  // the passes of a path repeat it, so rules about all paths together are asked of the paths alone
  const [problem] = [...validatePlan(made, rules), ...(forwardOnly ? validatePlan(plan) : [])];
  if (problem !== undefined) throw new RunError(`${name} made a plan that is not sound: ${problem.message}`);
  const network = networkOf(description);
  const result = timeline(plan, network);
  // on every plan that keeps the rules; they reckon with backwards
  const bounds = keepsRules === 'all' && !forwardOnly ? boundsOf(description, which === 'full') : undefined;
  const proven = bounds === undefined ? lowerBoundSeconds(plan, network) : bounds.seconds;
  if (result.makespanSeconds < proven * (1 - ROUNDING)) {
    const by = bounds === undefined ? 'of its own tasks' : bounds.by;
    throw new RunError(
      `${name}: its plan takes ${result.makespanSeconds} s and the lower bound (${by}) says that none takes less than ${proven} s; one of them is wrong, which is a bug of skein: please report it with the scenario`,
    );
  }
  const met = result.makespanSeconds <= proven * (1 + SAME_TIME);
  const bound = Math.min(proven, result.makespanSeconds);
  const nameOf = (peer: number) => plan.peers[peer]!;
  return {
    plan,
    timeline: result,
    summary: {
      policy: plan.policy,
      peers: plan.peers.length,
      stages: plan.stages,
      microbatches: plan.paths.length,
      makespanSeconds: result.makespanSeconds,
      spanSeconds: Array.from(result.spanSeconds),
      lowerBoundSeconds: bound,
      gap: bound > 0 ? result.makespanSeconds / bound - 1 : 0,
      optimal: bounds !== undefined && met,
      ...(bounds === undefined ? {} : { bounds }),
      bubbleRatio: result.bubbleRatio,
      peakActivations: Array.from(result.peakActivations, withoutNoise),
      bytesMoved: result.bytesMoved,
      exchangeBytes: result.exchangeBytes,
      assignment: plan.assignment.map((group) => group.map(nameOf)),
      paths: plan.paths.map(({ microbatch, nodes }) => ({
        microbatch,
        anchor: nameOf(nodes[0]!.peer),
        nodes: nodes.map(({ stage, peer, chunk }) =>
          plan.chunks > 1 ? { stage, peer: nameOf(peer), chunk } : { stage, peer: nameOf(peer) },
        ),
      })),
      timing: { planMilliseconds },
    },
  };
}

/** How far from the best possible a plan is known to be at most. */
function boundLine({ policy, bounds, gap, optimal, lowerBoundSeconds: seconds }: PlanSummary): string {
  const bound = `no plan takes less than ${formatSeconds(seconds)} (${bounds!.by})`;
  return optimal
    ? `${policy}: optimal, ${bound}`
    : `${policy}: ${bound}, this one at most ${formatPercent(gap)} more`;
}

/** Activations are counted in fractions of a stage, and sums of thirds are not whole. */
function withoutNoise(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}

/** In order of time, then of peers. */
function taskList(plan: Plan, { start, end }: Timeline) {
  return plan.tasks
    .map(({ peer, kind, stage, chunk, microbatch }, index) => ({
      peer: plan.peers[peer]!,
      kind,
      stage,
      ...(plan.chunks > 1 ? { chunk } : {}),
      microbatch,
      start: start[index]!,
      end: end[index]!,
      order: peer,
    }))
    .sort((a, b) => a.start - b.start || a.order - b.order || a.end - b.end)
    .map(({ order: _, ...task }) => task);
}

function draw(
  results: readonly Planned[],
  scenario: Scenario,
  folder: string,
  say: (line: string) => void,
): void {
  for (const { plan, timeline, summary } of results) {
    const drawing = drawingOf(plan, timeline, scenario.name);
    if (plan.tasks.length > MOST_TASKS_DRAWN) {
      say(`${plan.policy}: ${plan.tasks.length} tasks are too many to draw; the trace has them`);
    } else {
      say(`wrote ${writeInto(folder, `${summary.policy}.svg`, ganttSvg(drawing))}`);
    }
    const trace = JSON.stringify(chromeTrace(drawing));
    say(`wrote ${writeInto(folder, `${summary.policy}.trace.json`, `${trace}\n`)}`);
  }
}

function drawingOf(
  plan: Plan,
  { start, end, transfers, makespanSeconds, bubbleRatio }: Timeline,
  scenario: string,
): Drawing {
  return {
    scenario,
    policy: plan.policy,
    peers: plan.peers,
    assignment: plan.assignment,
    tasks: plan.tasks.map(({ peer, kind, stage, chunk, microbatch }, index) => ({
      peer,
      kind,
      stage,
      chunk,
      microbatch,
      start: start[index]!,
      end: end[index]!,
    })),
    transfers: transfers.map((transfer) => ({
      from: transfer.fromPeer,
      to: transfer.toPeer,
      fromTask: transfer.from,
      toTask: transfer.to,
      bytes: transfer.bytes,
      start: transfer.start,
      end: transfer.end,
    })),
    makespanSeconds,
    bubbleRatio,
  };
}

function parseBudget(text: string): Budget {
  if (/^[1-9]\d*$/.test(text)) return { steps: Number(text) };
  if (/^[×x*]\d*\.?\d+$/.test(text)) return { times: Number(text.slice(1)) };
  throw new InvalidArgumentError(
    'It must be a number of steps, such as 20000, or a multiple of the default, such as ×4.',
  );
}
