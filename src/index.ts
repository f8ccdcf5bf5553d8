// The public API: what a program that embeds skein may build on. Peers are joined to the machine by members of the
// seams (createLibp2pNetwork, createOnnxEngine, createDiskStore, …); policies, codecs and recovery rules are families
// to which a program can add its own members.

// The seams: everything a peer is told about the machine.
export { type CancelTimer, type Clock, sleep } from './seams/clock.ts';
export {
  type BackwardRequest,
  type Engine,
  type EngineCapabilities,
  EngineError,
  type EngineMemory,
  type ForwardRequest,
  type HeadRequest,
  type HeadResult,
  type ResidualKey,
  type StageProgram,
} from './seams/engine.ts';
export type { Identity } from './seams/identity.ts';
export {
  type ConnectionEvent,
  type Frame,
  type FrameStream,
  type Network,
  NetworkError,
  type NetworkErrorCode,
  type PeerName,
  type Protocol,
  type TrafficClass,
} from './seams/network.ts';
export type { ModelShape, StageShape } from './seams/shapes.ts';
export type { Store } from './seams/store.ts';

// Their members.
export {
  type CostDevice,
  createCostEngine,
  createOnnxEngine,
  createTimedEngine,
  durations,
  type OnnxEngineOptions,
  type StageDurations,
  type TimedEngineHooks,
} from './engine/index.ts';
export { createDiskStore } from './journal/disk-store.ts';
export { createMemoryStore } from './journal/memory-store.ts';
export {
  createKeyIdentity,
  generateKey,
  keyFromBytes,
  keyToBytes,
  type PeerKey,
  peerNameOf,
} from './network/libp2p/identity.ts';
export {
  createLibp2pNetwork,
  type Libp2pNetwork,
  type Libp2pNetworkOptions,
} from './network/libp2p/network.ts';
export { createRealClock } from './network/real-clock.ts';

// Shared randomness.
export {
  bellNumbers,
  type Generator,
  generator,
  permute,
  type Purpose,
  purposes,
  type Stream,
  type StreamName,
  stream,
  uniform,
  uniforms,
  unpermute,
  words,
} from './random/index.ts';

// The model, and its files.
export {
  exportModel,
  ImportError,
  type ImportErrorCode,
  importModel,
  type StagedModel,
} from './model/export.ts';
export { initialWeights } from './model/initial.ts';
export { type LayoutEntry, parameterCount, type StageLayout, stageLayout } from './model/layout.ts';
export { llama } from './model/llama.ts';
export type { Operations } from './model/operations.ts';
export {
  type NamedTensor,
  readSafetensors,
  SafetensorsError,
  type SafetensorsErrorCode,
  type SafetensorsFile,
  writeSafetensors,
} from './model/safetensors.ts';
export { checkModel, checkStage, ShapeError, stageShapes } from './model/shapes.ts';
export { BYTE_VOCABULARY, decode as decodeBytes, encode as encodeBytes } from './model/tokenizer.ts';

// The text that a run is about.
export {
  compareText,
  describeText,
  drawSamples,
  type HeldOutRule,
  heldOutRule,
  heldOutWindows,
  readWindows,
  type SampleRequest,
  type TextComparison,
  type TextDescription,
  TextError,
  type TextErrorCode,
  type TokenBatch,
  trainingWindows,
  type Windows,
} from './data/index.ts';

// Optimizers.
export {
  type AdamWSettings,
  adamw,
  createOptimizer,
  type LearningRateSchedule,
  learningRateAt,
  type Optimizer,
  type OptimizerName,
  type OptimizerSettings,
  type OptimizerState,
  OptimizerStateError,
  optimizers,
  type SgdSettings,
  type StepRequest,
  sgd,
  step,
} from './optimizer/index.ts';

// Gradient codecs.
export {
  type Codec,
  type CodecName,
  type Contribution,
  codecs,
  type GroupSum,
  shards,
  sumContributions,
} from './gradient/index.ts';

// Recovery rules.
export {
  planRecovery,
  RecoveryError,
  type RecoveryPlan,
  type RecoveryRule,
  type RecoveryRuleName,
  recoveryRules,
} from './recovery/index.ts';

// Plans: the policies that make one, checks, and what happens when one meets a network.
export { closedFormRows, uniformDescription } from './schedule/closed-forms.ts';
export type { LinkDescription, PeerDescription, SwarmDescription } from './schedule/description.ts';
export { DescriptionError, PlanError, StallError } from './schedule/errors.ts';
export { type PlanJson, planFromJson, planToJson } from './schedule/json.ts';
export type { Dependency, Order, Path, PathNode, Plan, Task, TaskKind } from './schedule/plan.ts';
export {
  type ClosedForm,
  isPolicyName,
  type Policy,
  type PolicyName,
  type PolicyOptions,
  policies,
  policyNames,
} from './schedule/policies/index.ts';
export { criticalPath, linkLoads, type Timeline, timeline, transfersOf } from './schedule/timeline.ts';
export {
  type CompletionProof,
  type PlanProblem,
  proveCompletion,
  validatePlan,
} from './schedule/validate.ts';

// The journal.
export { type Entry, type EntryBody, JournalError, parseEntry } from './journal/entry.ts';
export { Journal } from './journal/journal.ts';

// A peer of a run.
export type { PeerEvent } from './swarm/events.ts';
export { formatInvite, type Invite, InviteError, parseInvite } from './swarm/invite.ts';
export { JoinError, type JoinProblem } from './swarm/membership/joining.ts';
export {
  type Manifest,
  ManifestError,
  PROTOCOL_VERSION,
  readManifest,
  type SignedManifest,
  signManifest,
} from './swarm/manifest.ts';
export { Peer, type PeerEnd, type PeerParts } from './swarm/peer.ts';

// Using what was trained.
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type Generated,
  type GenerateOptions,
  generate,
  InferenceError,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  pathWithout,
  type SamplingRule,
  skippableStages,
} from './inference/index.ts';

// Scenarios and their replay.
export { Simulation, type SimulatedPeerEvent, type SimulationSettings } from './replay/simulation.ts';
export { type SingleParts, trainSingle } from './replay/single.ts';
export { ScenarioError } from './scenario/error.ts';
export { describeSwarm } from './scenario/expand.ts';
export {
  type ManifestOptions,
  parseManifest,
  parseScenario,
  type ScenarioOptions,
} from './scenario/schema.ts';
export type { Manifest as ManifestSettings, Scenario } from './scenario/settings.ts';

// Pictures, traces and tables.
export { lowerBoundSeconds } from './report/bound.ts';
export type { Drawing, TaskSpan, TransferSpan } from './report/drawing.ts';
export { ganttSvg } from './report/gantt.ts';
export { planTable } from './report/table.ts';
export { type ChromeTrace, chromeTrace } from './report/trace.ts';
