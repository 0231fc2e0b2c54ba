import { describe, expect, it } from 'vitest';
import { MemorySealer } from './conformance/memory-sealer.js';
import { EngineRegistry } from './engine-registry.js';
import { SoftwareEngine } from './software/software.engine.js';

const engine = (id: string): SoftwareEngine => new SoftwareEngine(id, new MemorySealer());

describe('EngineRegistry', () => {
  const [first, second] = [engine('golang'), engine('software')];
  const declared = [{ engine: first }, { engine: second }];
  const registry = new EngineRegistry(declared);

  it('takes the first engine where none is named', () => {
    expect(registry.defaultId).toBe('golang');
    expect(registry.get('acme')).toBe(first);
    expect(registry.list()).toEqual([first, second]);
  });

  it('finds engines by id', () => {
    expect(registry.get('acme', 'software')).toBe(second);
    expect(registry.find('software')).toBe(second);
  });

  it.each(['', 'Software', 'toString', '__proto__'])(
    'refuses the id "%s" by 400, naming the member',
    (id) => {
      expect(() => registry.get('acme', id)).toThrow(
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
    expect(() => new EngineRegistry([...declared, { engine: engine('golang') }])).toThrow(TypeError);
  });

  describe('with engines that come and go', () => {
    const shared = engine('shared');
    const bound = engine('bound');
    const registered = new EngineRegistry(declared);

    it('shows a tenant its own and shared ones, and answers for others as for none', () => {
      registered.replaceRegistered([{ engine: shared }, { engine: bound, tenants: new Set(['acme']) }]);
      expect(registered.list('acme')).toEqual([first, second, shared, bound]);
      expect(registered.list('other')).toEqual([first, second, shared]);
      expect(registered.get('acme', 'bound')).toBe(bound);
      expect(() => registered.get('other', 'bound')).toThrow(
        expect.objectContaining({ code: 'validation_failed', detail: 'engine_id names no engine' }),
      );
      expect(registered.find('bound')).toBe(bound);
    });

    it('takes a registered one as the default, and the first one again when it is gone', () => {
      registered.replaceRegistered([{ engine: shared, isDefault: true }]);
      expect([registered.defaultId, registered.get('acme')]).toEqual(['shared', shared]);
      expect(registered.list()[0]).toBe(shared);
      registered.replaceRegistered([]);
      expect([registered.defaultId, registered.find('shared')]).toEqual(['golang', undefined]);
    });

    it('never lets a registered one take the place of one that is declared', () => {
      registered.replaceRegistered([{ engine: engine('software') }]);
      expect(registered.get('acme', 'software')).toBe(second);
      expect([registered.isDeclared('software'), registered.isDeclared('shared')]).toEqual([true, false]);
    });
  });
});
