// The scenario file, read and checked: text in, data out. Everything that a person can get wrong is found here and
// named with file, line and field, so that what follows may rely on it. Format: docs/scenario-format.md.

import { resolveCosts } from './costs.ts';
import {
  churnRateFields,
  churnTraceFields,
  manifestFields,
  scenarioFields,
  type TrainingInput,
} from './fields.ts';
import { resolveLinks } from './links.ts';
import { resolveModel } from './model.ts';
import { suggest } from './nearest.ts';
import { expandPeers, limitMemory, resolveAssignment } from './peers.ts';
import { parseFields, type ReadFile, readText } from './read.ts';
import type { Churn, KnownNames, Manifest, Scenario, ScenarioPeer, TrainingSettings } from './settings.ts';
import { parseSource, type Source } from './source.ts';
import { parseTrace } from './trace.ts';

export interface ManifestOptions {
  /** The file's name, for messages and as the scenario's name when it gives none. */
  readonly file: string;
  readonly names: KnownNames;
}

export interface ScenarioOptions extends ManifestOptions {
  /** Reads a file that the scenario names; relative paths are meant from the scenario's folder. */
  readonly readFile: ReadFile;
}

/** Reads a scenario file (YAML or JSON). Throws `ScenarioError`. */
export function parseScenario(text: string, options: ScenarioOptions): Scenario {
  const source = parseSource(text, options.file);
  const input = parseFields(scenarioFields, source.value, source, []);
  const training = resolveTraining(input.training, options.names, source);
  const model = input.model === undefined ? undefined : resolveModel(input.model, training.stages, source);
  const expanded = expandPeers(input.peers, training, source);
  const peers = limitMemory(expanded, model, training, source);
  const { groups } = expanded;
  const sizes = { stages: training.stages, peers: peers.length };
  const costs = input.costs && resolveCosts(input.costs, sizes, source, options.readFile);
  const links =
    input.links === undefined ? undefined : resolveLinks(input.links, peers, source, options.readFile);
  if (costs === undefined)
    checkMeasurable({ peers, groups }, model !== undefined, links !== undefined, source);
  return {
    name: input.name ?? baseName(options.file),
    seed: input.seed,
    model,
    training,
    peers,
    links,
    churn:
      input.churn === undefined
        ? undefined
        : resolveChurn(input.churn, peers, training, source, options.readFile),
    costs,
    ...resolveAssignment(input.assignment, { peers, groups }, training, source),
  };
}

/** Reads the fields `name`, `seed`, `model` and `training` of a scenario file; the rest may be missing. */
export function parseManifest(text: string, options: ManifestOptions): Manifest {
  const source = parseSource(text, options.file);
  const input = parseFields(manifestFields, source.value, source, []);
  const training = resolveTraining(input.training, options.names, source);
  if (input.model === undefined) throw source.error(['model'], 'is missing; a run trains a model');
  return {
    name: input.name ?? baseName(options.file),
    seed: input.seed,
    model: resolveModel(input.model, training.stages, source),
    training,
  };
}

/** Stages a path visits, stage 0 included: round(stages × (1 − skipRatio)). */
export function pathLength(training: Pick<TrainingSettings, 'stages' | 'skipRatio'>): number {
  return Math.round(training.stages * (1 - training.skipRatio));
}

function resolveTraining(input: TrainingInput, names: KnownNames, source: Source): TrainingSettings {
  const families = [
    ['policy', names.policies],
    ['codec', names.codecs],
    ['activations', names.activations],
    ['recovery', names.recovery],
  ] as const;
  for (const [field, known] of families) {
    const name = input[field];
    if (known.includes(name)) continue;
    const suggestion = suggest(name, known);
    const list = suggestion.startsWith('; known') ? '' : ` (known: ${known.join(', ')})`;
    throw source.error(['training', field], `there is no ${field} '${name}'${suggestion}${list}`);
  }
  if (input.stages > 1 && pathLength(input) < 2) {
    throw source.error(
      ['training', 'skipRatio'],
      `leaves no stage after stage 0 of ${input.stages}; take a smaller one`,
    );
  }
  const { stageSizes, data, ...rest } = input;
  return { ...rest, stageSizes, data: typeof data === 'string' ? [data] : data };
}

/** Without costs, times come from model, devices and links, so each must be there. */
function checkMeasurable(
  { peers, groups }: { peers: readonly ScenarioPeer[]; groups: readonly number[] },
  hasModel: boolean,
  hasLinks: boolean,
  source: Source,
): void {
  const because = "is missing, and there is no 'costs' block that gives the seconds directly";
  if (!hasModel) throw source.error(['model'], because);
  if (!hasLinks) throw source.error(['links'], because);
  for (const field of ['device', 'region'] as const) {
    const index = peers.findIndex((peer) => peer[field] === undefined);
    if (index >= 0) throw source.error(['peers', groups[index]!, field], because);
  }
}

function resolveChurn(
  value: unknown,
  peers: readonly ScenarioPeer[],
  training: TrainingSettings,
  source: Source,
  readFile: ReadFile,
): Churn {
  if (typeof value === 'object' && value !== null && 'trace' in value) {
    const { trace } = parseFields(churnTraceFields, value, source, ['churn']);
    const text = readText(trace, readFile, source, ['churn', 'trace']);
    const targets = { peers: peers.map(({ name }) => name), stages: training.stages };
    return { kind: 'trace', events: parseTrace(text, trace, targets) };
  }
  const { crashesPerHour, joinsPerHour, rejoinSeconds } = parseFields(churnRateFields, value, source, [
    'churn',
  ]);
  return { kind: 'rates', crashesPerHour, joinsPerHour, rejoinSeconds };
}

/** `scenarios/geo20.yaml` is called `geo20`. */
function baseName(file: string): string {
  const last = file.split(/[\\/]/).at(-1) ?? file;
  return last.replace(/\.(ya?ml|json)$/i, '') || 'scenario';
}
