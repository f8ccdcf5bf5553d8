// ONNX Runtime's Node binding: loading it (it is an optional dependency with native parts), and sessions.

import type * as Onnx from 'onnxruntime-node';
import { EngineError } from '../../seams/engine.ts';

export type OnnxRuntime = typeof Onnx;

/** Loads the binding; rejects with an `EngineError` that says what to do when this machine has none. */
export async function loadRuntime(
  load: () => Promise<OnnxRuntime> = () => import('onnxruntime-node'),
): Promise<OnnxRuntime> {
  try {
    const loaded = await load();
    // A CommonJS package: some loaders put everything under `default`.
    return 'InferenceSession' in loaded ? loaded : (loaded as { default: OnnxRuntime }).default;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new EngineError(
      `onnxruntime-node cannot be loaded on ${process.platform} ${process.arch}: ${reason}. ` +
        'Install it with "npm install onnxruntime-node --onnxruntime-node-install=skip" ' +
        '(there is a binary for Linux, Windows and Apple silicon; none for Intel Macs).',
      { cause },
    );
  }
}

export function createSession(
  runtime: OnnxRuntime,
  file: Uint8Array,
  threads: number,
): Promise<Onnx.InferenceSession> {
  return runtime.InferenceSession.create(file, {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    // The graphs are written as they should run. Its optimizer would fold transpositions back into the products,
    // which then run slower (emitter.ts).
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // Idle threads would spin, and take the cores from the peers beside this one and from its own network thread.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}
