import { fc } from '../property.ts';
import { describe, expect, test } from 'vitest';
import { f32x4, get, i32, i32x4, repeatWhile, set, v128 } from '../../src/wasm/code.ts';
import { instantiate, moduleBytes } from '../../src/wasm/module.ts';

describe('a module put together from expressions', () => {
  test('is one that WebAssembly accepts, however long its parts are', () => {
    for (const length of [1, 100, 5000]) {
      const body = () =>
        Array.from({ length }, () => v128.store(i32.const(0), v128.const(1, 2, 3, 4))).flat();
      expect(WebAssembly.validate(moduleBytes([{ name: 'fill', parameters: [], body }], 100_000))).toBe(true);
    }
  });

  test('has the memory it was asked for, whole pages of it', () => {
    const none = { name: 'none', parameters: [], body: () => [] } as const;
    expect(instantiate([none], 1)?.memory.byteLength).toBe(65536);
    expect(instantiate([none], 65537)?.memory.byteLength).toBe(131072);
  });

  test('is undefined where it cannot run', () => {
    const broken = { name: 'broken', parameters: [], body: () => [0xff] } as const;
    expect(instantiate([broken], 1)).toBeUndefined();
  });

  test('holds any 32-bit constant', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
        const body = () => v128.store(i32.const(0), i32x4.splat(i32.const(value)));
        const instance = instantiate([{ name: 'put', parameters: [], body }], 16)!;
        instance.functions.put();
        expect([...new Int32Array(instance.memory, 0, 4)]).toEqual([value, value, value, value]);
      }),
    );
  });

  test('repeats while its condition holds, with parameters and variables of its own', () => {
    const instance = instantiate(
      [
        {
          name: 'addUp',
          parameters: ['i32', 'f32'],
          body: ([count, value], variable) => {
            const step = variable('i32');
            const sum = variable('v128');
            return [
              ...repeatWhile(
                [
                  ...set(sum, f32x4.add(get(sum), f32x4.splat(get(value!)))),
                  ...set(step, i32.add(get(step), i32.const(1))),
                ],
                i32.lessThan(get(step), get(count!)),
              ),
              ...v128.store(i32.const(32), get(sum)),
            ];
          },
        },
      ],
      64,
    )!;
    instance.functions.addUp(10, 0.5);
    expect([...new Float32Array(instance.memory, 32, 4)]).toEqual([5, 5, 5, 5]);
  });
});
