import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRealClock } from '../../src/network/real-clock.ts';

describe('the real clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('counts seconds and never goes back', async () => {
    const clock = createRealClock();
    const start = clock.now();
    await new Promise<void>((resolve) => clock.schedule(0.02, resolve));
    const passed = clock.now() - start;
    expect(passed).toBeGreaterThan(0.015);
    expect(passed).toBeLessThan(5);
  });

  it('fires once after the delay, and not when cancelled', () => {
    vi.useFakeTimers();
    const clock = createRealClock();
    const fired: string[] = [];
    clock.schedule(2, () => fired.push('kept'));
    clock.schedule(1, () => fired.push('cancelled'))();
    vi.advanceTimersByTime(1999);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(fired).toEqual(['kept']);
  });

  it('waits longer than a platform timer can', () => {
    vi.useFakeTimers();
    const clock = createRealClock();
    const days = 60 * 86_400;
    let fired = 0;
    clock.schedule(days, () => fired++);
    const cancel = clock.schedule(days, () => fired++);
    vi.advanceTimersByTime((days - 1) * 1000);
    expect(fired).toBe(0);
    cancel();
    vi.advanceTimersByTime(2000);
    expect(fired).toBe(1);
  });

  it('refuses a delay that is not a number from 0 up', () => {
    expect(() => createRealClock().schedule(Number.NaN, () => {})).toThrow(RangeError);
    expect(() => createRealClock().schedule(-1, () => {})).toThrow(RangeError);
  });
});
