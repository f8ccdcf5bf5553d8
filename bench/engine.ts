// A stage's forward and later backward: our engine, in its worker thread as peers use it, against PyTorch with its
// best kernels on the same cores. The two take turns, round by round, so that a busy machine disturbs both alike, and
// medians are compared. `ratio` is our forward + backward over PyTorch's: below 1 is faster.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createOnnxEngine } from '../src/engine/index.ts';
import { initialWeights } from '../src/model/initial.ts';
import type { Engine } from '../src/seams/engine.ts';
import { median } from '../src/swarm/membership/medians.ts';

export interface EngineRow {
  readonly shape: string;
  readonly threads: number;
  readonly forwardMilliseconds: number;
  readonly forwardBackwardMilliseconds: number;
  /** null where PyTorch is not installed. */
  readonly pytorchForwardMilliseconds: number | null;
  readonly pytorchForwardBackwardMilliseconds: number | null;
  /** The kernels that PyTorch's matrix products ran on: the fastest of those available. */
  readonly pytorchKernel: string | null;
  readonly ratio: number | null;
}

export interface EngineBenchOptions {
  /** Turns of each side, 12 by default. */
  readonly rounds?: number;
  readonly threads?: readonly number[];
}

interface BenchShape {
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly context: number;
  readonly blocks: number;
  readonly samples: number;
}

const shapes: readonly BenchShape[] = [
  { width: 512, heads: 8, hidden: 1376, context: 128, blocks: 1, samples: 4 },
  { width: 128, heads: 4, hidden: 344, context: 128, blocks: 2, samples: 8 },
];
const ITERATIONS_PER_ROUND = 5;
const WARM_UP_ITERATIONS = 5;

interface Times {
  readonly forward: number[];
  readonly both: number[];
}

/** Something that runs a shape's forward and backward and says how long each took, in milliseconds. */
interface Contestant {
  measure(shape: BenchShape, iterations: number): Promise<Times>;
  close(): Promise<void>;
}

export async function run(
  options: EngineBenchOptions = {},
): Promise<{ bench: 'engine'; rows: readonly EngineRow[] }> {
  const { rounds = 12, threads: threadCounts = [1, 2] } = options;
  const rows: EngineRow[] = [];
  for (const threads of threadCounts) {
    const pytorch = await fastestPytorch(threads);
    const ours = new OurEngine(threads);
    try {
      for (const shape of shapes) rows.push(await compare(shape, threads, rounds, ours, pytorch));
    } finally {
      await Promise.all([ours.close(), pytorch?.close()]);
    }
  }
  return { bench: 'engine', rows };
}

async function compare(
  shape: BenchShape,
  threads: number,
  rounds: number,
  ours: Contestant,
  pytorch: Pytorch | undefined,
): Promise<EngineRow> {
  const own: Times = { forward: [], both: [] };
  const other: Times = { forward: [], both: [] };
  await ours.measure(shape, WARM_UP_ITERATIONS);
  await pytorch?.measure(shape, WARM_UP_ITERATIONS);
  for (let round = 0; round < rounds; round++) {
    append(own, await ours.measure(shape, ITERATIONS_PER_ROUND));
    if (pytorch !== undefined) append(other, await pytorch.measure(shape, ITERATIONS_PER_ROUND));
  }
  const { blocks, width, heads, hidden, samples, context } = shape;
  const both = median(own.both);
  return {
    shape: `${blocks} × (width ${width}, ${heads} heads, hidden ${hidden}), ${samples} × ${context} tokens`,
    threads,
    forwardMilliseconds: median(own.forward),
    forwardBackwardMilliseconds: both,
    pytorchForwardMilliseconds: pytorch === undefined ? null : median(other.forward),
    pytorchForwardBackwardMilliseconds: pytorch === undefined ? null : median(other.both),
    pytorchKernel: pytorch?.kernel ?? null,
    ratio: pytorch === undefined ? null : both / median(other.both),
  };
}

class OurEngine implements Contestant {
  readonly #threads: number;
  readonly #engines = new Map<BenchShape, Engine>();

  constructor(threads: number) {
    this.#threads = threads;
  }

  async measure(shape: BenchShape, iterations: number): Promise<Times> {
    const engine = await this.#engineOf(shape);
    const times: Times = { forward: [], both: [] };
    const values = () =>
      Float32Array.from({ length: shape.samples * shape.context * shape.width }, () => Math.random() - 0.5);
    for (let key = 0; key < iterations; key++) {
      const input = values();
      const outputGradient = values();
      const start = performance.now();
      await engine.forward({ key, input, keep: true });
      const middle = performance.now();
      await engine.backward({ key, outputGradient, part: 'all' });
      times.forward.push(middle - start);
      times.both.push(performance.now() - start);
    }
    return times;
  }

  async close(): Promise<void> {
    for (const engine of this.#engines.values()) await engine.close();
  }

  async #engineOf(shape: BenchShape): Promise<Engine> {
    const known = this.#engines.get(shape);
    if (known !== undefined) return known;
    const { width, heads, hidden, context, blocks, samples } = shape;
    const ends = { vocabulary: 256, normEpsilon: 1e-5, ropeTheta: 10_000, tiedHead: false };
    const model = { width, heads, kvHeads: heads, hidden, context, ...ends };
    const stage = { blocks, anchor: false };
    const engine = await createOnnxEngine({ threads: this.#threads });
    await engine.load({ model, stage, samples }, initialWeights(model, [stage], 0, 1));
    this.#engines.set(shape, engine);
    return engine;
  }
}

// ── PyTorch ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** OpenBLAS's names of core types with kernels of their own, x64 and arm64; '' is its own choice. */
const CORE_TYPES = [
  '',
  ...(process.arch === 'arm64'
    ? ['NeoverseN1', 'NeoverseV1', 'ARMV8']
    : ['SapphireRapids', 'Cooperlake', 'SkylakeX', 'Zen', 'Haswell']),
];

/** How PyTorch is started: its kernels, and what its OpenMP threads do while OpenBLAS's own threads compute. */
interface PytorchVariant {
  readonly coreType: string;
  /** `PASSIVE`: they sleep. Otherwise they spin, and on a busy machine take the cores from those that compute. */
  readonly waitPolicy: '' | 'PASSIVE';
}

class Pytorch implements Contestant {
  readonly kernel: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterableIterator<string>;

  private constructor(kernel: string, child: ChildProcess, lines: AsyncIterableIterator<string>) {
    this.kernel = kernel;
    this.#child = child;
    this.#lines = lines;
  }

  /** Undefined when this Python has no PyTorch, or the core type does not run here. */
  static async start(python: string, variant: PytorchVariant, threads: number): Promise<Pytorch | undefined> {
    // What holds kernels or caches back in this shell must not hold back the baseline.
    const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _cache, ...inherited } = process.env;
    const env: NodeJS.ProcessEnv = {
      ...inherited,
      OMP_NUM_THREADS: `${threads}`,
      OPENBLAS_NUM_THREADS: `${threads}`,
      ...(variant.coreType === '' ? {} : { OPENBLAS_CORETYPE: variant.coreType }),
      ...(variant.waitPolicy === '' ? {} : { OMP_WAIT_POLICY: variant.waitPolicy }),
    };
    const script = fileURLToPath(new URL('./engine_pytorch.py', import.meta.url));
    const child = spawn(python, [script], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = once(child, 'error').then(() => undefined);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const first = await Promise.race([failed, lines.next()]);
    if (first === undefined || first.done) return undefined;
    const { kernel, torch } = JSON.parse(first.value) as { kernel: string; torch: string };
    const waiting = variant.waitPolicy === '' ? '' : ', passive waiting';
    return new Pytorch(`${kernel} (PyTorch ${torch}${waiting})`, child, lines);
  }

  async measure(shape: BenchShape, iterations: number): Promise<Times> {
    this.#child.stdin!.write(`${JSON.stringify(shape)} ${iterations}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`PyTorch on ${this.kernel} ended early`);
    return JSON.parse(line.value) as Times;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await ended;
  }
}

/** The fastest of PyTorch's available kernels on the first shape, or undefined where PyTorch is not installed. */
async function fastestPytorch(threads: number): Promise<Pytorch | undefined> {
  let best: { pytorch: Pytorch; milliseconds: number } | undefined;
  const seen = new Set<string>();
  const policies = threads === 1 ? ([''] as const) : (['', 'PASSIVE'] as const);
  const variants = CORE_TYPES.flatMap((coreType) =>
    policies.map((waitPolicy): PytorchVariant => ({ coreType, waitPolicy })),
  );
  for (const variant of variants) {
    const pytorch = await startPytorch(variant, threads);
    if (pytorch === undefined) {
      if (variant === variants[0]) return undefined;
      continue;
    }
    // A name that OpenBLAS does not know, or a BLAS that takes no names, gives a kernel that was seen before.
    if (seen.has(pytorch.kernel)) {
      await pytorch.close();
      continue;
    }
    seen.add(pytorch.kernel);
    await pytorch.measure(shapes[0]!, 3);
    const { both } = await pytorch.measure(shapes[0]!, 12);
    // The lower quartile: another program's turn on the core must not decide, nor a single lucky run.
    const milliseconds = both.toSorted((a, b) => a - b)[3]!;
    if (best === undefined || milliseconds < best.milliseconds) {
      await best?.pytorch.close();
      best = { pytorch, milliseconds };
    } else {
      await pytorch.close();
    }
  }
  return best?.pytorch;
}

async function startPytorch(variant: PytorchVariant, threads: number): Promise<Pytorch | undefined> {
  for (const python of [process.env.PYTHON, 'python3', '/usr/bin/python3']) {
    if (python === undefined || python === '') continue;
    const pytorch = await Pytorch.start(python, variant, threads);
    if (pytorch !== undefined) return pytorch;
  }
  return undefined;
}

function append(times: Times, more: Times): void {
  times.forward.push(...more.forward);
  times.both.push(...more.both);
}
