// Models and devices that scenario files may name. A model preset is a set of `model` fields, and a file may override
// any of them. A device's speed is its peak in float32 without tensor cores, which is what portable GPU programs
// reach, times the share of it that training keeps.

import type { DeviceSettings } from './settings.ts';

export interface ModelPreset {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly context: number;
  readonly ropeTheta: number;
}

/**
 * llama-500m and llama-1.5b: width, heads, layers and context of the settings published with SkipPipe
 * (arXiv 2502.19913; 6 stages of 4 blocks); hidden = 8/3 width rounded up to a multiple of 256 and a vocabulary of
 * 32,000 as in LLaMA (arXiv 2302.13971). llama-8b: Llama 3 8B (arXiv 2407.21783, table 3).
 */
export const MODEL_PRESETS: Readonly<Record<string, ModelPreset>> = {
  'llama-500m': {
    width: 1024,
    layers: 24,
    heads: 16,
    kvHeads: 16,
    hidden: 2816,
    vocabulary: 32_000,
    context: 1024,
    ropeTheta: 10_000,
  },
  'llama-1.5b': {
    width: 2048,
    layers: 24,
    heads: 16,
    kvHeads: 16,
    hidden: 5632,
    vocabulary: 32_000,
    context: 4096,
    ropeTheta: 10_000,
  },
  'llama-8b': {
    width: 4096,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    hidden: 14_336,
    vocabulary: 128_256,
    context: 8192,
    ropeTheta: 500_000,
  },
};

/**
 * Share of the peak that a transformer's training keeps on a GPU. An assumption inside the published range: 30 % for
 * GPT-3-size models on Megatron-LM's early systems to 52 % (arXiv 2104.04473, table 1), 46 % (PaLM, arXiv 2204.02311).
 */
export const GPU_EFFICIENCY = 0.4;

/** Peak float32 teraflop/s from the makers' data sheets (boost clock, no sparsity, no tensor cores). */
const GPU_TERAFLOPS: Readonly<Record<string, number>> = {
  'gtx-1080-ti': 11.3,
  'rtx-2080-ti': 13.4,
  'rtx-3060': 12.7,
  'rtx-3070': 20.3,
  'rtx-3080': 29.8,
  'rtx-3090': 35.6,
  'rtx-4060': 15.1,
  'rtx-4070': 29.1,
  'rtx-4080': 48.7,
  'rtx-4090': 82.6,
  'rtx-5090': 104.8,
  'rx-7900-xtx': 61.4,
  'apple-m1': 2.6,
  'apple-m2-max': 13.6,
  t4: 8.1,
  v100: 15.7,
  l4: 30.3,
  a100: 19.5,
  h100: 66.9,
};

/** Two cores with AVX-512: 98 gigaflop/s each were measured in a stage's matrix products, which are 90 % of its time. */
const CPU_FLOPS_PER_SECOND = 2 * 98e9 * 0.9;

export const DEVICE_NAMES: readonly string[] = ['cpu', ...Object.keys(GPU_TERAFLOPS)];

/** The preset of that name, or undefined. */
export function devicePreset(name: string): DeviceSettings | undefined {
  if (name === 'cpu') return { name, flopsPerSecond: CPU_FLOPS_PER_SECOND };
  const teraflops = GPU_TERAFLOPS[name];
  return teraflops === undefined ? undefined : { name, flopsPerSecond: teraflops * 1e12 * GPU_EFFICIENCY };
}
