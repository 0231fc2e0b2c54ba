import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';

const logged = (...args: [object, string]): string => {
  const lines: string[] = [];
  createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }).info(...args);
  return lines.join('');
};

describe('createLogger', () => {
  it('leaves out what is secret by name, at any depth', () => {
    const line = logged({ passphrase: 'S1', a: { token: 'S2', b: [{ private_key: 'S3' }] } }, 'x');
    expect(line).not.toMatch(/S[123]/);
    expect(line).toContain('[redacted]');
  });

  it('logs of an error its kind, text and causes, and none of its other members', () => {
    const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), {
      parameters: ['S4'],
    });
    const line = logged({ err: error }, 'x');
    expect(line).toContain('outer');
    expect(line).toContain('inner');
    expect(line).not.toContain('S4');
  });

  it('ends on an object that contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(logged(loop, 'x')).toContain('[too deep]');
  });
});
