import { describe, expect, it } from 'vitest';
import { MemorySealer } from './conformance/memory-sealer.js';
import { EngineRegistry } from './engine-registry.js';
import { SoftwareEngine } from './software/software.engine.js';

const engine = (id: string): SoftwareEngine => new SoftwareEngine(id, new MemorySealer());

describe('EngineRegistry', () => {
  const [first, second] = [engine('golang'), engine('software')];
  const registry = new EngineRegistry([first, second]);

  it('takes the first engine where none is named', () => {
    expect(registry.defaultId).toBe('golang');
    expect(registry.get()).toBe(first);
    expect(registry.list()).toEqual([first, second]);
  });

  it('finds engines by id', () => {
    expect(registry.get('software')).toBe(second);
    expect(registry.find('software')).toBe(second);
  });

  it.each(['', 'Software', 'toString', '__proto__'])(
    'refuses the id "%s" by 400, naming the member',
    (id) => {
      expect(() => registry.get(id)).toThrow(
        expect.objectContaining({
          code: 'validation_failed',
          errors: [{ path: '/engine_id', message: 'names no engine' }],
        }),
      );
      expect(registry.find(id)).toBeUndefined();
    },
  );

  it('is not made of no engine, or of two of one id', () => {
    expect(() => new EngineRegistry([])).toThrow(TypeError);
    expect(() => new EngineRegistry([first, engine('golang')])).toThrow(TypeError);
  });
});
