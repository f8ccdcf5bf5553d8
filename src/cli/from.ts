// `--from DIR`: a run that begins with the weights of an exported model. The model may have been split into other
// stages; its shape is the run's.

import type { StagedModel } from '../model/export.ts';
import { restage } from '../model/restage.ts';
import { stageShapes } from '../scenario/model.ts';
import type { Manifest, ModelSettings } from '../scenario/settings.ts';
import type { ModelShape } from '../seams/shapes.ts';
import type { GivenWeights } from '../swarm/weights/obtaining.ts';
import { UsageError } from './errors.ts';
import { readModelFolder } from './model-folder.ts';

/** The model fields of a scenario file that describe the model of a folder. */
export function modelFieldsOf({ model, stages }: StagedModel) {
  const layers = stages.reduce((sum, { blocks }) => sum + blocks, 0);
  return { ...model, layers, anchorLayers: stages.length === 1 ? undefined : stages[0]!.blocks };
}

/** A model whose blocks fill so many stages. Throws a `UsageError` for a folder that holds no such model. */
export function readModelFor(folder: string, stages: number | undefined): StagedModel {
  let model: StagedModel;
  try {
    model = readModelFolder(folder);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--from ${error.message}`, { cause: error });
    throw error;
  }
  const { layers, anchorLayers = 0 } = modelFieldsOf(model);
  if (stages !== undefined && layers - anchorLayers < stages - 1) {
    const held = anchorLayers > 0 ? `, ${anchorLayers} of them in stage 0` : '';
    throw new UsageError(
      `--from ${folder}: its ${layers} blocks${held} do not fill ${stages} stages; at most ${layers - anchorLayers + 1} are possible`,
    );
  }
  return model;
}

/**
 * The folder's weights cut into the stages of these settings.
 * Throws a `UsageError` when the folder holds no model, or one of another shape.
 */
export function givenWeights(folder: string, { model, training }: Manifest): GivenWeights {
  const found = readModelFor(folder, training.stages);
  expectShape(folder, found, model);
  return restage(found, stageShapes(model, training.stages));
}

function expectShape(folder: string, found: StagedModel, wanted: ModelSettings): void {
  const { layers } = modelFieldsOf(found);
  if (layers !== wanted.layers) {
    throw new UsageError(
      `--from ${folder}: the model has ${layers} layers, model.layers says ${wanted.layers}`,
    );
  }
  for (const field of Object.keys(wanted.shape) as (keyof ModelShape & string)[]) {
    if (found.model[field] === wanted.shape[field]) continue;
    throw new UsageError(
      `--from ${folder}: the model has ${field} ${found.model[field]}, model.${field} says ${wanted.shape[field]}`,
    );
  }
}
