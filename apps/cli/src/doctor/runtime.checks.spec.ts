import { describe, expect, it } from 'vitest';
import { isSupportedNode } from './runtime.checks.js';

describe('isSupportedNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0', '100.0.0'])('takes %s', (version) => {
    expect(isSupportedNode(version)).toBe(true);
  });

  it.each(['20.18.9', '20.9.0', '18.20.0', '19.19.0'])('refuses %s', (version) => {
    expect(isSupportedNode(version)).toBe(false);
  });
});
