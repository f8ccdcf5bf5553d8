import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { exportModel, ImportError, importModel } from '../../src/model/export.ts';
import { stageLayout } from '../../src/model/layout.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { smallModel } from '../fixtures/export/model.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/export/logits.json', import.meta.url), 'utf8'),
) as Record<'tied' | 'untied', { safetensorsSha256: string; logits: number[][] }>;

const small = smallModel(false);
const files = exportModel(small);
const tensors = readSafetensors(files.get('model.safetensors')!).tensors;
const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as Record<string, unknown>;

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const withTensors = (changed: readonly NamedTensor[]) =>
  new Map([...files, ['model.safetensors', writeSafetensors(changed)]]);
const withConfig = (change: Record<string, unknown>) =>
  new Map([...files, ['config.json', text({ ...config, ...change })]]);

describe('an exported model', () => {
  test('comes back to the bit, in the same stages, for any shape', () => {
    const anyModel = fc.record({
      headWidth: fc.constantFrom(2, 4),
      kvHeads: fc.integer({ min: 1, max: 2 }),
      groups: fc.integer({ min: 1, max: 2 }),
      hidden: fc.integer({ min: 1, max: 5 }),
      tiedHead: fc.boolean(),
      blocks: fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 3 }),
      anchorLayers: fc.nat(2),
      visited: fc.constantFrom({}, { visitedShare: 2 / 3 }),
      bits: fc.infiniteStream(fc.nat(2 ** 32 - 1)),
    });
    fc.assert(
      fc.property(
        anyModel,
        ({ headWidth, kvHeads, groups, hidden, tiedHead, blocks, anchorLayers, visited, bits }) => {
          const heads = kvHeads * groups;
          const sizes = { width: heads * headWidth, heads, kvHeads, hidden, vocabulary: 5, context: 3 };
          const model = { ...sizes, normEpsilon: 1e-6, ropeTheta: 500_000, tiedHead };
          const stages = [anchorLayers, ...blocks].map((count, i) => ({ blocks: count, anchor: i === 0 }));
          const weights = stages.map((stage) => {
            const words = Uint32Array.from(
              { length: stageLayout(model, stage).length },
              () => bits.next().value,
            );
            return new Float32Array(words.buffer);
          });
          const { weights: read, ...back } = importModel(exportModel({ model, stages, weights, ...visited }));
          expect(back).toEqual({ model, stages, ...visited });
          expect(read.map(bitsOf)).toEqual(weights.map(bitsOf));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("has the names and shapes of Hugging Face's LlamaForCausalLM, layers in the order in which they run", () => {
    const layer = (n: number): [string, number[]][] => [
      [`model.layers.${n}.input_layernorm.weight`, [16]],
      [`model.layers.${n}.self_attn.q_proj.weight`, [16, 16]],
      [`model.layers.${n}.self_attn.k_proj.weight`, [8, 16]],
      [`model.layers.${n}.self_attn.v_proj.weight`, [8, 16]],
      [`model.layers.${n}.self_attn.o_proj.weight`, [16, 16]],
      [`model.layers.${n}.post_attention_layernorm.weight`, [16]],
      [`model.layers.${n}.mlp.gate_proj.weight`, [12, 16]],
      [`model.layers.${n}.mlp.up_proj.weight`, [12, 16]],
      [`model.layers.${n}.mlp.down_proj.weight`, [16, 12]],
    ];
    expect(new Map(tensors.map(({ name, shape }) => [name, shape]))).toEqual(
      new Map([
        ['model.embed_tokens.weight', [19, 16]],
        ...[0, 1, 2, 3].flatMap(layer),
        ['model.norm.weight', [16]],
        ['lm_head.weight', [19, 16]],
      ]),
    );
    const first = (stage: number, name: string) => {
      const entry = stageLayout(small.model, small.stages[stage]!).entries.find((e) => e.name === name)!;
      return small.weights[stage]![entry.offset];
    };
    const firstOf = (layerNumber: number) =>
      tensors.find(({ name }) => name === `model.layers.${layerNumber}.mlp.up_proj.weight`)!.values[0];
    expect([0, 1, 2, 3].map(firstOf)).toEqual([
      first(0, 'blocks.0.up'),
      first(1, 'blocks.0.up'),
      first(1, 'blocks.1.up'),
      first(2, 'blocks.0.up'),
    ]);
  });

  test('holds linear weights as [out, in], transposed from ours', () => {
    const entry = stageLayout(small.model, small.stages[0]!).entries.find((e) => e.name === 'blocks.0.gate')!;
    const ours = small.weights[0]!.subarray(entry.offset, entry.offset + entry.length);
    const theirs = tensors.find(({ name }) => name === 'model.layers.0.mlp.gate_proj.weight')!.values;
    const [into, out] = [3, 7];
    expect(theirs[out * 16 + into]).toBe(ours[into * 12 + out]);
  });

  test.each(['untied', 'tied'] as const)(
    'is, with %s head, the file that the independent loader read',
    (head) => {
      const bytes = exportModel(smallModel(head === 'tied')).get('model.safetensors')!;
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(fixture[head].safetensorsSha256);
    },
  );

  test('has no lm_head where the head is tied', () => {
    const tied = readSafetensors(exportModel(smallModel(true)).get('model.safetensors')!).tensors;
    expect(tied.map(({ name }) => name)).not.toContain('lm_head.weight');
  });

  test('says in config.json what loaders ask for, and in "skein" how it was cut', () => {
    expect(config).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 19,
      hidden_size: 16,
      intermediate_size: 12,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 4,
      hidden_act: 'silu',
      max_position_embeddings: 7,
      rms_norm_eps: 1e-5,
      rope_theta: 100,
      tie_word_embeddings: false,
      bos_token_id: null,
      eos_token_id: null,
      skein: { stages: 3, anchorLayers: 1, blocks: [1, 2, 1] },
    });
  });

  test('has the tokenizer files where the vocabulary holds every byte, and only there', () => {
    expect([...files.keys()]).toEqual(['model.safetensors', 'config.json']);
    const model = { ...small.model, vocabulary: 256 };
    const stages = [{ blocks: 0, anchor: true }];
    const weights = [new Float32Array(stageLayout(model, stages[0]!).length)];
    expect([...exportModel({ model, stages, weights }).keys()]).toEqual([
      'model.safetensors',
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  test('is not written from weights that do not fit', () => {
    expect(() => exportModel({ ...small, weights: small.weights.slice(1) })).toThrow(RangeError);
  });
});

describe('a model from elsewhere', () => {
  const { skein: _, ...plain } = config;

  test('without the object "skein" becomes a single stage with the same layers', () => {
    const back = importModel(new Map([...files, ['config.json', text(plain)]]));
    expect(back.stages).toEqual([{ blocks: 4, anchor: true }]);
    const again = readSafetensors(exportModel(back).get('model.safetensors')!).tensors;
    const byName = (a: NamedTensor, b: NamedTensor) => (a.name < b.name ? -1 : 1);
    expect(again.toSorted(byName)).toEqual(tensors.toSorted(byName));
  });

  test('may hold tensors that follow from others, and no other surplus', () => {
    const tied = exportModel(smallModel(true));
    const ours = readSafetensors(tied.get('model.safetensors')!).tensors;
    const surplus = (name: string) => {
      const more = [...ours, { name, shape: [1], values: Float32Array.of(1) }];
      return new Map([...tied, ['model.safetensors', writeSafetensors(more)]]);
    };
    for (const name of ['lm_head.weight', 'model.layers.0.self_attn.rotary_emb.inv_freq']) {
      expect(importModel(surplus(name)).weights).toEqual(importModel(tied).weights);
    }
    expect(() => importModel(surplus('model.layers.0.self_attn.q_proj.bias'))).toThrow(
      expect.objectContaining({ code: 'unexpected-tensor', message: expect.stringContaining('q_proj.bias') }),
    );
  });

  const bad = (bytes: Uint8Array) => new Map([...files, ['config.json', bytes]]);
  const without = (name: string) => new Map([...files].filter(([file]) => file !== name));
  const reshaped = tensors.map((t) => (t.name === 'model.norm.weight' ? { ...t, shape: [4, 4] } : t));

  test.each<{ what: string; broken: Map<string, Uint8Array>; code: ImportError['code']; says: string }>([
    { what: 'no config', broken: without('config.json'), code: 'missing-file', says: 'config.json' },
    {
      what: 'no weights',
      broken: without('model.safetensors'),
      code: 'missing-file',
      says: 'model.safetensors',
    },
    { what: 'a config that is no JSON', broken: bad(text('x').subarray(1)), code: 'config', says: 'JSON' },
    { what: 'a config that is a list', broken: bad(text([])), code: 'config', says: 'JSON object' },
    {
      what: 'a share of stages that is none',
      broken: withConfig({ skein: { ...(config.skein as object), visitedShare: 1.5 } }),
      code: 'config',
      says: 'skein.visitedShare must be a number above 0 and below 1, not 1.5',
    },
    {
      what: 'another architecture',
      broken: withConfig({ model_type: 'gpt2' }),
      code: 'config',
      says: 'model_type',
    },
    {
      what: 'another activation',
      broken: withConfig({ hidden_act: 'gelu' }),
      code: 'config',
      says: 'hidden_act',
    },
    { what: 'biases', broken: withConfig({ attention_bias: true }), code: 'config', says: 'attention_bias' },
    {
      what: 'scaled rotary angles',
      broken: withConfig({ rope_scaling: {} }),
      code: 'config',
      says: 'rope_scaling',
    },
    { what: 'wider heads', broken: withConfig({ head_dim: 8 }), code: 'config', says: 'head_dim' },
    { what: 'no width', broken: withConfig({ hidden_size: undefined }), code: 'config', says: 'hidden_size' },
    {
      what: 'heads that divide nothing',
      broken: withConfig({ num_attention_heads: 3 }),
      code: 'config',
      says: 'heads',
    },
    {
      what: 'layers beyond its stages',
      broken: withConfig({ num_hidden_layers: 5 }),
      code: 'config',
      says: 'skein.blocks',
    },
    {
      what: 'stages that are none',
      broken: withConfig({ skein: null }),
      code: 'config',
      says: 'skein.blocks',
    },
    {
      what: 'stages that contradict each other',
      broken: withConfig({ skein: { stages: 2, anchorLayers: 1, blocks: [1, 2, 1] } }),
      code: 'config',
      says: 'skein.stages',
    },
    {
      what: 'a missing tensor',
      broken: withTensors(tensors.filter(({ name }) => name !== 'model.layers.2.mlp.down_proj.weight')),
      code: 'missing-tensor',
      says: 'model.layers.2.mlp.down_proj.weight',
    },
    { what: 'a tensor of another shape', broken: withTensors(reshaped), code: 'shape', says: '[4, 4]' },
    {
      what: 'a config of another width',
      broken: withConfig({ vocab_size: 20 }),
      code: 'shape',
      says: '[20, 16]',
    },
  ])('with $what is refused as $code', ({ broken, code, says }) => {
    expect(() => importModel(broken)).toThrow(ImportError);
    expect(() => importModel(broken)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(says) }),
    );
  });

  test('with a damaged safetensors file is refused by its own error', () => {
    const cut = new Map([...files, ['model.safetensors', files.get('model.safetensors')!.subarray(0, 5000)]]);
    expect(() => importModel(cut)).toThrow(
      expect.objectContaining({ name: 'SafetensorsError', code: 'truncated' }),
    );
  });
});

function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}
