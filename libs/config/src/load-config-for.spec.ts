import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.js';
import { loadConfig, loadConfigFor, type ConfigPart } from './config.js';

const PRODUCTION = { NODE_ENV: 'production' };

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfigFor', () => {
  it.each<[ConfigPart, string]>([
    ['database', 'DATABASE_URL'],
    ['rootKey', 'CLAVIGER_ROOT_KEY_FILE'],
    ['issuers', 'CLAVIGER_ISSUERS'],
  ])('asks production for %s only where the program stands on it', (part, variable) => {
    const problems = problemsOf(() => loadConfigFor([part], PRODUCTION));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(variable);
    expect(problemsOf(() => loadConfigFor([], PRODUCTION))).toEqual([]);
  });

  it('takes a root key ring alone as enough for who stands on that alone', () => {
    const env = { ...PRODUCTION, CLAVIGER_ROOT_KEY_FILE: '/etc/claviger/root.key' };
    expect(loadConfigFor(['rootKey'], env)).toMatchObject({
      mode: 'production',
      rootKeyFile: '/etc/claviger/root.key',
    });
  });

  it('refuses a malformed variable whatever the program stands on', () => {
    expect(problemsOf(() => loadConfigFor([], { CLAVIGER_PORT: 'many' }))[0]).toContain('CLAVIGER_PORT');
  });

  it.each(['staging', 'Production', 'prod', 'production ', 'dev'])(
    'refuses NODE_ENV=%j, which would else count as development',
    (NODE_ENV) => {
      const problems = problemsOf(() => loadConfigFor([], { NODE_ENV }));
      expect(problems).toEqual([expect.stringMatching(/^NODE_ENV: /)]);
    },
  );

  it.each([
    [undefined, 'development'],
    ['', 'development'],
    ['development', 'development'],
    ['test', 'development'],
    ['production', 'production'],
  ])('takes NODE_ENV=%j for %s', (NODE_ENV, mode) => {
    expect(loadConfigFor([], { NODE_ENV }).mode).toBe(mode);
  });

  it('asks development for nothing', () => {
    expect(problemsOf(() => loadConfig({}))).toEqual([]);
  });
});

describe('loadConfig', () => {
  it('names every part that production misses', () => {
    expect(problemsOf(() => loadConfig(PRODUCTION))).toHaveLength(3);
  });
});

describe('the jobs', () => {
  it.each([
    [{}, true],
    [{ REDIS_URL: 'redis://localhost' }, true],
    [{ CLAVIGER_JOBS: 'external' }, false],
    [PRODUCTION, false],
    [{ ...PRODUCTION, CLAVIGER_JOBS: 'embedded' }, true],
  ])('are run by the API itself with %j: %s', (env, embedded) => {
    expect(loadConfigFor([], env).jobs.embedded).toBe(embedded);
  });

  it.each(['http://user:hunter2@redis', 'redis', 'hunter2'])(
    'refuse %j for a Redis, without repeating it',
    (url) => {
      const [problem = ''] = problemsOf(() => loadConfigFor([], { REDIS_URL: url }));
      expect(problem).toMatch(/^REDIS_URL: /);
      expect(problem).not.toContain('hunter2');
    },
  );
});
