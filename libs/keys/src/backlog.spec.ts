import { expect, it } from 'vitest';
import { Backlog } from './backlog.js';

it('is what work took beyond the least of its kind and place', () => {
  const backlog = new Backlog<object, string>();
  const [one, other] = [{}, {}];
  expect(backlog.inLineMs(one, 'rsa', 9)).toBe(0);
  expect(backlog.inLineMs(one, 'rsa', 30)).toBe(21);
  expect(backlog.inLineMs(one, 'rsa', 5)).toBe(0);
  expect(backlog.inLineMs(one, 'rsa', 30)).toBe(25);
  expect(backlog.inLineMs(one, 'ec', 30)).toBe(0);
  expect(backlog.inLineMs(other, 'rsa', 30)).toBe(0);
  expect(backlog.inLineMs(one, 'rsa', 6)).toBe(1);
});
