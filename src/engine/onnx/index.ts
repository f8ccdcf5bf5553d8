// Engines on ONNX Runtime's CPU kernels (onnxruntime-node).

import { type Engine, EngineError } from '../../seams/engine.ts';
import { startWorkerEngine } from '../worker/client.ts';
import { createInProcessOnnxEngine, onnxCapabilities } from './engine.ts';

export interface OnnxEngineOptions {
  /** Threads that a call computes with, 1 by default. The bits may depend on it. */
  readonly threads?: number;
  /** Compute in the calling thread, which stands still meanwhile; false by default. */
  readonly inProcess?: boolean;
  /** Only operators of the ONNX standard, none of ONNX Runtime's fused ones (a little slower); false by default. */
  readonly standardOperators?: boolean;
}

/**
 * An engine on this machine's CPU, in a worker thread of its own unless `inProcess`. Rejects with an `EngineError`
 * that says what to install when ONNX Runtime's native binding is missing.
 */
export async function createOnnxEngine(options: OnnxEngineOptions = {}): Promise<Engine> {
  const { threads = 1, inProcess = false, standardOperators = false } = options;
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new EngineError(`threads must be a positive integer, not ${threads}`);
  }
  return inProcess
    ? createInProcessOnnxEngine({ threads, standardOperators })
    : startWorkerEngine('onnx-cpu', onnxCapabilities, { threads, standardOperators });
}
