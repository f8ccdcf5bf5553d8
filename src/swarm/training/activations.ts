// How a run's activations and their gradients travel: the manifest's type applied to the shape of its micro-batches.

import { activationTypes } from '../../model/activations/index.ts';
import type { TensorHeaderMessage } from '../../network/wire/codec.ts';
import type { Manifest } from '../manifest.ts';

export interface ActivationFormat {
  readonly type: TensorHeaderMessage['type'];
  /** Values of one activation. */
  readonly elements: number;
  readonly bytes: number;
  pack(values: Float32Array): Uint8Array;
  /** The values of bytes that fit; undefined when one is not finite. They may share memory with the bytes. */
  unpack(bytes: Uint8Array): Float32Array | undefined;
  /** Why a tensor cannot be one of this run's, or undefined when it can. */
  misfit(header: TensorHeaderMessage, payload: Uint8Array): string | undefined;
}

/** The format of every micro-batch of the run: rows are its tokens. */
export function activationFormat({
  model,
  training,
}: Pick<Manifest, 'model' | 'training'>): ActivationFormat {
  const type = activationTypes[training.activations];
  const shape = { rows: training.samplesPerMicrobatch * model.context, width: model.width };
  const elements = shape.rows * shape.width;
  const bytes = type.packedBytes(shape);
  return {
    type: type.wireName,
    elements,
    bytes,
    pack: (values) => type.pack(values, shape),
    unpack: (packed) => type.unpack(packed, shape),
    misfit: (header, payload) => {
      if (header.type !== type.wireName) {
        return `its activations are ${header.type}, those of this run are ${type.wireName}`;
      }
      if (header.elements === elements && payload.byteLength === bytes) return undefined;
      return `${payload.byteLength} bytes for ${header.elements} values where an activation has ${bytes} for ${elements}`;
    },
  };
}
