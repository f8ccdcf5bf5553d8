// An engine that computes in a thread of its own, so that networking never waits for arithmetic. Arrays that a call
// owns move to the worker, others are copied once; what comes back has moved, too.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
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
} from '../../seams/engine.ts';
import type { EngineAnswers, EngineCall, WorkerMessage } from './protocol.ts';

/** The thread's program, beside this file: .ts in a checkout, .js in the built package. */
const ENTRY = new URL(`./entry${extname(import.meta.url)}`, import.meta.url);

/**
 * Starts a thread with the program `entry` and gives it `options`; rejects with an `EngineError` when the library
 * cannot be loaded there.
 */
export async function startWorkerEngine(
  name: string,
  capabilities: EngineCapabilities,
  options: unknown,
  entry: URL = ENTRY,
): Promise<Engine> {
  const worker = new Worker(entry, { workerData: options, name: `${name} engine` });
  const engine = new WorkerEngine(name, capabilities, worker);
  try {
    await engine.started;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return engine;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: EngineError) => void;
}

class WorkerEngine implements Engine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;
  /** Resolves once the thread has loaded its library. */
  readonly started: Promise<void>;
  readonly #start = Promise.withResolvers<void>();
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  /** Why no call is taken any more. */
  #ended: EngineError | undefined;
  #closing: Promise<void> | undefined;

  constructor(name: string, capabilities: EngineCapabilities, worker: Worker) {
    this.name = name;
    this.capabilities = capabilities;
    this.#worker = worker;
    this.started = this.#start.promise;
    worker.on('message', (message: WorkerMessage) => this.#receive(message));
    worker.on('error', (cause) => this.#end(new EngineError(`the engine's thread failed: ${cause.message}`)));
    worker.on('exit', (code) => this.#end(new EngineError(`the engine's thread ended with code ${code}`)));
  }

  load(program: StageProgram, weights: Float32Array): Promise<void> {
    const sent = copy(weights);
    return this.#call({ kind: 'load', program, weights: sent }, [sent.buffer]);
  }

  writeWeights(weights: Float32Array): Promise<void> {
    const sent = copy(weights);
    return this.#call({ kind: 'writeWeights', weights: sent }, [sent.buffer]);
  }

  forward(request: ForwardRequest): Promise<Float32Array> {
    const input = own(request.input);
    return this.#call({ kind: 'forward', request: { ...request, input } }, [input.buffer]);
  }

  head(request: HeadRequest): Promise<HeadResult> {
    const input = own(request.input);
    const targets = copy(request.targets);
    return this.#call({ kind: 'head', request: { ...request, input, targets } }, [
      input.buffer,
      targets.buffer,
    ]);
  }

  backward(request: BackwardRequest): Promise<Float32Array | undefined> {
    const { key, part } = request;
    if (request.outputGradient === undefined) return this.#call({ kind: 'backward', request }, []);
    const outputGradient = copy(request.outputGradient);
    return this.#call({ kind: 'backward', request: { key, part, outputGradient } }, [outputGradient.buffer]);
  }

  takeGradients(): Promise<Float32Array> {
    return this.#call({ kind: 'takeGradients' }, []);
  }

  logits(input: Float32Array): Promise<Float32Array> {
    const sent = copy(input);
    return this.#call({ kind: 'logits', input: sent }, [sent.buffer]);
  }

  release(key: ResidualKey): Promise<void> {
    return this.#call({ kind: 'release', key }, []);
  }

  memory(): Promise<EngineMemory> {
    return this.#call({ kind: 'memory' }, []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    if (this.#ended === undefined) {
      const closed = this.#call({ kind: 'close' }, []);
      this.#ended = new EngineError('the engine was closed');
      await closed.catch(() => undefined);
    }
    await this.#worker.terminate();
  }

  #call<Kind extends EngineCall['kind']>(
    call: EngineCall & { kind: Kind },
    transfer: readonly ArrayBufferLike[],
  ): Promise<EngineAnswers[Kind]> {
    if (this.#ended !== undefined) {
      return Promise.reject(new EngineError(`${call.kind}: ${this.#ended.message}`, { cause: this.#ended }));
    }
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call }, transfer as ArrayBuffer[]);
    });
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === 'ready') {
      // From here on an idle engine does not keep the process alive; one that owes an answer does.
      this.#worker.unref();
      this.#start.resolve();
      return;
    }
    if (message.kind === 'unavailable') {
      this.#end(new EngineError(message.message));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (message.kind === 'answer') waiting.resolve(message.value as never);
    else waiting.reject(new EngineError(message.message));
  }

  #end(reason: EngineError): void {
    this.#ended ??= reason;
    this.#start.reject(reason);
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

/** A copy whose buffer can be given away. */
function copy<Values extends Float32Array | Int32Array>(values: Values): Values {
  return values.slice() as Values;
}

/** The array itself when it is all of its buffer, which then moves; a part of a larger buffer is copied. */
function own<Values extends Float32Array | Int32Array>(values: Values): Values {
  const whole = values.buffer instanceof ArrayBuffer && values.byteLength === values.buffer.byteLength;
  return whole ? values : copy(values);
}
